# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Certificates for tests, made by openssl."""

import os
import subprocess

from harness import DEADLINE_S


def openssl(folder, *args):
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True, timeout=DEADLINE_S)


def grant(folder, name, subject, usage="serverAuth", days=100, kind="ec", issuer="root"):
    """NAME.pem and NAME.key in the folder."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else ["-newkey", "rsa:2048"]
    openssl(folder, "req", *key, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
    with open(os.path.join(folder, "extensions"), "w", encoding="ascii") as file:
        file.write(f"extendedKeyUsage={usage}\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key",
            "-CAcreateserial", "-days", str(days), "-extfile", "extensions", "-out", f"{name}.pem")


def authority(folder, name):
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "1000", "-subj", f"/CN={name}")
