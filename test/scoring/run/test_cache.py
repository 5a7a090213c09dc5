import multiprocessing
import os
import signal
import socket

from espnet_tse.scoring.run.cache import Cache, abandoned, cache_key, join_files, line_of


def test_key_depends_on_every_part():
    keys = {
        cache_key("m", "a", "b"),
        cache_key("m", "b", "a"),
        cache_key("n", "a", "b"),
        cache_key("m", "ab"),
    }
    assert len(keys) == 4


def test_entries_survive_the_process(tmp_path):
    first = Cache(tmp_path)
    first.put("k", 1.25)
    first.put("l", {"fault": ["ref", "why"]})
    first.flush()  # no close: the process may die here
    again = Cache(tmp_path)
    assert "k" in again and again["k"] == 1.25 and again["l"] == {"fault": ["ref", "why"]}
    assert "m" not in again


def test_torn_last_line_is_ignored(tmp_path):
    whole, other = line_of("a", 1), line_of("c", [{"x": 1}])
    (tmp_path / "job.1.jsonl").write_text(whole + line_of("b", 2)[:14])
    (tmp_path / "job.2.jsonl").write_text(other[: other.index("}") + 1])  # ends with a brace all the same
    cache = Cache(tmp_path)
    assert cache.entries == {"a": 1}


def test_a_damaged_line_is_not_used(tmp_path):
    cache = Cache(tmp_path)
    cache.put("a", 2.125)
    cache.put("b", {"text": "zwei"})
    cache.close()
    [path] = tmp_path.glob("*.jsonl")
    path.write_text(path.read_text().replace("2.125", "2.625"))
    assert Cache(tmp_path).entries == {"b": {"text": "zwei"}}
    path.write_text(path.read_text().replace("zwei", "drei"))
    assert Cache(tmp_path).entries == {}


def test_a_line_without_a_checksum_is_computed_again(tmp_path):
    (tmp_path / "cache.1.jsonl").write_text('{"key": "a", "value": 1.0}\n[1]\n3\n')
    assert Cache(tmp_path).entries == {}


def test_nothing_is_written_when_nothing_is_put(tmp_path):
    Cache(tmp_path / "folder").close()
    assert not (tmp_path / "folder").exists()


def test_processes_write_files_of_their_own_and_joining_keeps_the_others(tmp_path):
    one, two, foreign = Cache(tmp_path), Cache(tmp_path), Cache(tmp_path)
    for cache, key in ((one, "a"), (two, "b"), (foreign, "c")):
        cache.put(key, key.upper())
        cache.flush()
    join_files(tmp_path, [one.path, two.path])
    assert foreign.path.exists() and not one.path.exists()
    assert len(list(tmp_path.glob("*.jsonl"))) == 2
    assert Cache(tmp_path).entries == {"a": "A", "b": "B", "c": "C"}


def test_files_of_a_killed_process_are_abandoned_those_of_a_living_one_are_not(tmp_path):
    def die():
        cache = Cache(tmp_path)
        cache.put("k", 1)
        cache.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    process = multiprocessing.get_context("fork").Process(target=die)
    process.start()
    process.join()
    living = Cache(tmp_path)
    living.put("l", 2)
    living.flush()
    # Of other machines; a process of that number runs nowhere.
    for host in ("elsewhere", f"{socket.gethostname()}.domain"):
        (tmp_path / f"job.{host}.{process.pid}.abcdef01.jsonl").write_text("")
    (left,) = abandoned(tmp_path)
    assert f".{process.pid}." in left.name
    join_files(tmp_path, [left])
    assert not abandoned(tmp_path) and Cache(tmp_path).entries == {"k": 1, "l": 2}


def test_joining_drops_what_is_not_kept(tmp_path):
    cache = Cache(tmp_path)
    cache.put("old", 0)
    cache.put("new", 1)
    cache.close()
    join_files(tmp_path, list(tmp_path.glob("*.jsonl")), keep={"new"})
    (path,) = tmp_path.glob("*.jsonl")
    assert path.read_text() == line_of("new", 1)
