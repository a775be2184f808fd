# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Transaction ids in a database that was put back from a copy: stations still hold those that were
given out since, so none of them comes again, whatever way and however often the copy is put back."""

import asyncio
import os
import shutil

import pytest
from harness import Daemon, Station, run

OPTIONS = {"id_tags": {"unknown_tags": "accept"}}
ID_MAX = 2**31 - 1
# Two blocks are reserved of 1024 each: beyond them the copy's counter knows of none.
MANY = 2500


async def give(daemon, count):
    """The ids of so many starts, by several stations at a time."""
    given = []

    async def starts(name, first):
        async with Station.connect(daemon, name) as station:
            for i in range(first, count, 4):
                given.append((await station.start(connector=1, meter=i))["transactionId"])
    await asyncio.gather(*(starts(f"CP-{i}", i) for i in range(4)))
    assert len(set(given)) == count and all(0 < number <= ID_MAX for number in given)
    return given


def files_of(folder):
    """As the manual names them."""
    return [name for name in os.listdir(folder) if name == "ocppd.db" or name.startswith("ocppd.db-")]


def put_back_beside(folder, copy, life):
    aside = folder / f"aside-{life}"
    aside.mkdir()
    for name in files_of(folder):
        shutil.move(folder / name, aside / name)
    shutil.copy(copy, folder / "ocppd.db")


def put_back_over(folder, copy, life):
    """Into the very file."""
    del life
    for name in files_of(folder):
        if name != "ocppd.db":
            os.unlink(folder / name)
    inode = os.stat(folder / "ocppd.db").st_ino
    shutil.copyfile(copy, folder / "ocppd.db")
    assert os.stat(folder / "ocppd.db").st_ino == inode


@pytest.mark.parametrize("put_back", [put_back_beside, put_back_over])
def test_ids_given_since_a_backup_never_come_again(tmp_path, put_back):
    copy = str(tmp_path / "copy.db")
    with Daemon(tmp_path, OPTIONS) as daemon:
        given = run(give(daemon, 3))
        status, _, said = daemon.ctl("backup", "-o", copy)
        assert status == 0, said
        assert not os.path.exists(copy + "-wal")
        given += run(give(daemon, MANY))
        for life in range(3):  # the same copy again and again
            daemon.kill()
            put_back(tmp_path, copy, life)
            daemon.start()
            fresh = run(give(daemon, MANY if life == 0 else 50))
            assert not set(fresh) & set(given)
            assert min(fresh) > max(given)
            assert len(daemon.log.events("storage.restored")) == 1
            assert len(daemon.log.events("ids.skipped")) == 1
            given += fresh
        # That life goes on as any does: nothing is skipped by a mere start.
        daemon.restart()
        fresh = run(give(daemon, 1))
        assert max(given) < fresh[0] < max(given) + 3 * 1024
        assert not daemon.log.events("storage.restored")
        assert not daemon.log.events("ids.skipped")


def test_a_copy_that_another_tool_made_is_known_by_its_file(tmp_path):
    with Daemon(tmp_path, OPTIONS) as daemon:
        given = run(give(daemon, 3))
        assert daemon.stop() == 0
        shutil.copy(tmp_path / "ocppd.db", tmp_path / "old.db")
        daemon.start()
        given += run(give(daemon, MANY))
        assert daemon.stop() == 0
        put_back_beside(tmp_path, tmp_path / "old.db", 0)
        daemon.start()
        fresh = run(give(daemon, MANY))
        assert min(fresh) > max(given)
        assert daemon.log.events("storage.restored")


def test_an_elsewhere_restored_backup_and_a_moved_database(tmp_path):
    """Another folder, as on another machine: nothing there tells of lives before."""
    copy = str(tmp_path / "copy.db")
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    with Daemon(here, OPTIONS) as daemon:
        given = run(give(daemon, 3))
        assert daemon.ctl("backup", "-o", copy)[0] == 0
        given += run(give(daemon, MANY))
    shutil.copy(copy, there / "ocppd.db")
    with Daemon(there, OPTIONS) as daemon:
        fresh = run(give(daemon, 50))
        assert min(fresh) > max(given)
        # A century of such restores, weekly, leaves ids: each takes a small part of them.
        assert max(fresh) - max(given) < ID_MAX // 1000


def test_an_older_state_of_the_very_file(tmp_path):
    """Known where a copy was put back in between; the file that counts may be unwritable."""
    copy, old = str(tmp_path / "copy.db"), str(tmp_path / "old.db")
    with Daemon(tmp_path, OPTIONS) as daemon:
        given = run(give(daemon, 3))
        assert daemon.ctl("backup", "-o", copy)[0] == 0
        assert daemon.stop() == 0
        shutil.copyfile(tmp_path / "ocppd.db", old)
        put_back_over(tmp_path, copy, 0)
        daemon.start()
        given += run(give(daemon, 50))
        assert daemon.stop() == 0
        put_back_over(tmp_path, old, 1)
        daemon.start()
        fresh = run(give(daemon, 50))
        assert min(fresh) > max(given)
        assert daemon.stop() == 0
        os.unlink(tmp_path / "ocppd.db.lineage")
        (tmp_path / "ocppd.db.lineage").mkdir()
        put_back_over(tmp_path, copy, 2)
        daemon.start()
        assert daemon.log.events("lineage.unwritten")
        assert run(give(daemon, 1))[0] > max(given[:3])
