#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Checks of the interface between the core and its modules, by ordinary binary tools.

headers   each public header compiles alone, as C99, C11, C++11 and C++17, without hidden padding,
          and a module in C++ has its descriptor and nothing else to show
symbols   what the headers declare, the version map names and the library exports is the same
statics   no object file of core or modules has a mutable variable of static storage
modules   each module exports its descriptor only, and needs no other module
baseline  the library's interface is the recorded one (tests/abi/libocppd.abi)
template  the module of packaging/examples builds outside of the tree, against what is installed,
          with CMake and with make, and the installed daemon takes it
install   what is installed runs where it lies, stays below its prefix, also another one than the
          configured, and keeps the administrator's file
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIP = 77


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def output(*command):
    done = run(*command)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr}")
    return done.stdout


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(SKIP)


def report(errors):
    for error in errors:
        print(error)
    return 1 if errors else 0


def public_headers(args):
    return sorted((args.source / "include/ocppd").rglob("*.h"))


def check_headers(args):
    cxx = shutil.which("g++") or shutil.which("c++")
    compilers = [(args.cc, "c99", "c"), (args.cc, "c11", "c")]
    if cxx:
        compilers += [(cxx, "c++11", "c++"), (cxx, "c++17", "c++")]
    errors = []
    for header in public_headers(args):
        name = header.relative_to(args.source / "include")
        # Something behind it: a header of macros alone would be an empty file.
        text = f"#include <{name}>\ntypedef int not_empty;\n"
        for compiler, standard, language in compilers:
            done = run(compiler, f"-std={standard}", f"-I{args.source}/include", "-Wall", "-Wextra",
                       "-Wpedantic", "-Wpadded", "-Werror", "-fsyntax-only", "-x", language, "-",
                       input=text)
            if done.returncode != 0:
                errors.append(f"{name} as {standard}: {done.stderr}")
    if not cxx:
        print("no C++ compiler: checked as C only")
        return report(errors)
    with tempfile.TemporaryDirectory() as name:
        module = pathlib.Path(name) / "acme_cpp.so"
        output(cxx, "-std=c++11", f"-I{args.source}/include", "-Wall", "-Wextra", "-Wpedantic",
               "-Werror", "-fPIC", "-fvisibility=hidden", "-shared", "-nostdlib", "-o", module,
               args.source / "tests/abi/module.cpp")
        if exported_symbols(module) != {"ocppd_plugin"}:
            errors.append(f"module.cpp exports {exported_symbols(module)}")
        if "ocppd-abi 1." not in output("readelf", "-p", ".ocppd_abi", module):
            errors.append("module.cpp has no note of its ABI")
    return report(errors)


def declared_functions(args):
    names = set()
    for header in public_headers(args):
        text = re.sub(r"/\*.*?\*/", " ", header.read_text(), flags=re.S)
        text = re.sub(r"^#.*?(?<!\\)$", " ", text, flags=re.M | re.S)
        for match in re.finditer(r"\bOCPPD_API\b([^;{]*?)\(", text):
            if not re.match(r"\s*extern\b", match.group(1)):
                names.add(match.group(1).replace("*", " ").split()[-1])
    return names


def mapped_symbols(args):
    text = (args.source / "core/libocppd.map").read_text()
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    return set(re.findall(r"^\s*(ocppd_\w+);", text, flags=re.M))


def exported_symbols(path):
    names = set()
    for line in output("nm", "-D", "--defined-only", path).splitlines():
        fields = line.split()
        name = fields[-1].split("@")[0]
        if fields[-2] != "A" and not name.startswith(("__odr_asan", "__asan", "__start_", "__stop_")):
            names.add(name)
    return names


def check_symbols(args):
    declared = declared_functions(args)
    mapped = mapped_symbols(args)
    declared.add("ocppd_main")  # the executable's way in; no module's business
    exported = exported_symbols(args.library)
    errors = [f"{name}: declared, but not in core/libocppd.map" for name in declared - mapped]
    errors += [f"{name}: in core/libocppd.map, but not declared" for name in mapped - declared]
    errors += [f"{name}: in core/libocppd.map, but not exported" for name in mapped - exported]
    errors += [f"{name}: exported, but not in core/libocppd.map" for name in exported - mapped]
    return report(sorted(errors))


def own_objects(args):
    for floor in ("base", "runtime", "ocpp", "transport", "daemon"):
        yield from (args.build / "core" / floor).rglob("*.o")
    yield from (args.build / "plugins").rglob("*.o")


def check_statics(args):
    # By section: nm prints constant tables that hold pointers (.data.rel.ro) with the same letter.
    row = re.compile(r"^[0-9a-f]+ (.{7}) (\S+)\s+([0-9a-f]+)\s+(?:\.hidden )?(\S+)$")
    section = re.compile(r"^\.t?(data|bss)(?!\.rel\.ro)")
    errors = []
    count = 0
    for path in sorted(own_objects(args)):
        count += 1
        for line in output("objdump", "-t", path).splitlines():
            match = row.match(line)
            if not match or not section.match(match.group(2)) or "O" not in match.group(1):
                continue
            name = match.group(4)
            if not name.startswith(("__odr_asan", "__asan", "__tsan", ".L")):
                errors.append(f"{path.relative_to(args.build)}: {name} in {match.group(2)} can "
                              "change; put it into the context that is passed")
    if count == 0:
        errors.append(f"there are no object files below {args.build}")
    return report(errors)


def check_modules(args):
    modules = sorted((args.build / "plugins").glob("*.so"))
    names = {path.name for path in modules}
    errors = []
    for path in modules:
        exported = exported_symbols(path)
        if exported != {"ocppd_plugin"}:
            errors.append(f"{path.name}: exports {', '.join(sorted(exported))}; only ocppd_plugin "
                          "may be seen")
        needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-d", path)))
        if needed & names:
            errors.append(f"{path.name}: needs {', '.join(needed & names)}; modules meet through "
                          "services and events only")
        if "libocppd.so.1" not in needed:
            errors.append(f"{path.name}: does not need libocppd.so.1")
        note = output("readelf", "-p", ".ocppd_abi", path)
        if not re.search(r"ocppd-abi 1\.\d+", note):
            errors.append(f"{path.name}: has no note of its ABI; define it with OCPPD_PLUGIN")
    return report(errors)


def check_baseline(args):
    baseline = args.source / "tests/abi/libocppd.abi"
    for tool in ("abidw", "abidiff"):
        if not shutil.which(tool):
            skip(f"{tool} is not installed (package abigail-tools)")
    if args.sanitize:
        skip("the baseline is of a build without sanitizers")
    if ".debug_info" not in output("readelf", "-S", "-W", args.library):
        skip("the library has no debug information")
    if args.write:
        output("abidw", "--headers-dir", args.source / "include/ocppd", "--drop-private-types",
               "--exported-interfaces-only", "--no-corpus-path", "--no-comp-dir-path",
               "--short-locs", "--out-file", baseline, args.library)
        return 0
    if not baseline.exists():
        print(f"{baseline} is missing; make it with --write")
        return 1
    # Exit 4 says "changed", for additions as for swapped members: it never passes unseen.
    headers = args.source / "include/ocppd"
    # Not with --headers-dir1: the baseline holds no private types, and abidiff 2.2 stumbles then.
    done = run("abidiff", "--headers-dir2", headers, "--drop-private-types", "--exported-interfaces-only", "--no-show-locs", baseline,
               args.library)
    if done.returncode == 0:
        return 0
    print(done.stdout, done.stderr)
    print("A wanted addition: new baseline (check.py … --write baseline), minor and history in "
          "include/ocppd/abi.h, node in core/libocppd.map, lines in tests/abi/layout.c.")
    return 1


def must(command, where, environment):
    done = run(*command, cwd=where, env=environment)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def check_template(args):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        env = dict(os.environ, DESTDIR=name)
        must(["cmake", "--install", args.build], folder, env)
        del env["DESTDIR"]
        package = next(folder.rglob("ocppdConfig.cmake")).parent
        pkg_config = next(folder.rglob("ocppd.pc")).parent
        daemon = next(path for path in folder.rglob("sbin/ocppd"))
        library = next(folder.rglob("libocppd.so.1")).parent
        flags = f"-fsanitize={args.sanitize}" if args.sanitize else ""
        env.update(PKG_CONFIG="pkg-config --define-prefix", PKG_CONFIG_PATH=str(pkg_config),
                   LD_LIBRARY_PATH=str(library), CC=args.cc, OCPPD=str(daemon))
        for example in sorted((args.source / "packaging/examples").iterdir()):
            module = folder / example.name
            shutil.copytree(example, module)
            configure = ["cmake", "-S", ".", "-B", "build", f"-Docppd_DIR={package}",
                         f"-DOCPPD={daemon}", f"-DCMAKE_C_FLAGS={flags}",
                         f"-DOCPPD_SANITIZE={args.sanitize}"]
            # The prefix that CMake takes by itself is not that of this daemon, and it says so.
            prefix = next(path for path in package.parents if (path / "include/ocppd").is_dir())
            for more, is_told in (["-DCMAKE_INSTALL_PREFIX=/opt/own"], True), (
                    [f"-DCMAKE_INSTALL_PREFIX={prefix}"], False):
                if ("does not look" in must(configure + more, module, env)) != is_told:
                    sys.exit(f"{example.name}, {more}: the module's folder")
            must(["cmake", "--build", "build"], module, env)
            must(["ctest", "--test-dir", "build", "--output-on-failure"], module, env)
            must(["make", f"CFLAGS=-Wall -Wextra -Werror {flags}", "all", "check"], module, env)
    return 0


def check_install(args):
    errors = []
    with tempfile.TemporaryDirectory() as name:
        stage = pathlib.Path(name)
        env = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
        env["DESTDIR"] = name
        command = ["cmake", "--install", args.build, "--prefix", "/opt/elsewhere"]
        must(command, stage, env)
        prefix = stage / "opt/elsewhere"
        errors += [f"{path}: installed outside of the prefix" for path in stage.rglob("*")
                   if path.is_file() and prefix not in path.parents]
        done = run(prefix / "sbin/ocppd", "--version", env=env)
        if not done.stdout.startswith("ocppd "):
            errors.append(f"the daemon does not run where it was installed: {done.stderr}")

        pc = next(prefix.rglob("ocppd.pc"))
        done = run("pkg-config", "--variable=prefix", "ocppd",
                   env=dict(env, PKG_CONFIG_PATH=str(pc.parent)))
        if done.stdout.strip() != "/opt/elsewhere":
            errors.append(f"pkg-config says the prefix is {done.stdout.strip()} {done.stderr}")

        conf = prefix / "etc/ocppd/ocppd.yaml"
        if "plugins:" not in conf.read_text() or not (conf.parent / "conf.d").is_dir():
            errors.append("the reference configuration is not installed")
        conf.write_text("# the administrator's\n")
        must(command, stage, env)
        if conf.read_text() != "# the administrator's\n":
            errors.append("a second installation replaced the administrator's ocppd.yaml")
    return report(errors)


def main():
    checks = {"headers": check_headers, "symbols": check_symbols, "statics": check_statics,
              "modules": check_modules, "baseline": check_baseline, "template": check_template,
              "install": check_install}
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=checks)
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--library", type=pathlib.Path, required=True)
    parser.add_argument("--cc", default=os.environ.get("CC", "cc"))
    parser.add_argument("--sanitize", default="")
    parser.add_argument("--write", action="store_true", help="record a new baseline")
    args = parser.parse_args()
    sys.exit(checks[args.check](args))


main()
