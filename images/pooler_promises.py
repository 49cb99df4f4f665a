"""What clients of the pooler are promised, one function each: against Pgpool-II at 127.0.0.1:25433 and Postgres at :25432 behind it. Prints a line
for each promise that is kept, and fails at the first that is not. Whatever waits long is done at the same time."""

import concurrent.futures
import socket
import struct
import time

from pooler_client import Refused, Session, message


def admin(sql):
    return Session("postgres", "postgres", "postgres", 25432).query(sql)


def refused(code, words, **login):
    try:
        Session(**login)
    except Refused as error:
        assert (error.code, error.words, error.fields["S"]) == (code, words, "FATAL"), (login, error.fields)
        return
    raise AssertionError(f"{login} was let in")


def ended(work):
    """Seconds until work fails, and how."""
    began = time.monotonic()
    try:
        while work()[0] in "NS":  # a notice of Pgpool-II's own may come first
            pass
    except (Refused, OSError, EOFError) as error:
        return time.monotonic() - began, error
    raise AssertionError("it went on")


def a_warning_at_login_is_handed_on():
    session = Session(database="odd")
    assert any(b"default_text_search_config" in notice for notice in session.notices), session.notices
    assert session.query("SELECT 7") == "7"


def a_refused_login_has_the_code_and_the_words_of_Postgres():
    refused("3D000", 'database "nosuch" does not exist', database="nosuch")
    refused("42501", 'permission denied for database "closed"', database="closed")
    refused("53300", 'too many connections for database "full"', database="full")
    refused("42704", 'unrecognized configuration parameter "nosuch"', options="-c nosuch=1")
    refused("28P01", 'password authentication failed for user "app"', password="wrong")
    refused("28P01", 'password authentication failed for user "nobody"', user="nobody", password="x")
    refused("28P01", 'password authentication failed for user "other"', user="other", password="other")


def a_login_at_a_full_server_is_told_so():
    held = []
    try:
        while True:
            held.append(Session("postgres", "postgres", "postgres", 25432))
    except Refused:
        refused("53300", "sorry, too many clients already")
    for session in held:
        session.tls.close()
    while not let_go():
        time.sleep(0.1)


def let_go():
    """Whether the server has room for others again."""
    try:
        return int(admin("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")) < 10
    except Refused:
        return False


def an_idle_session_that_was_ended_is_told_why():
    session = Session()
    admin(f"SELECT pg_terminate_backend({session.query('SELECT pg_backend_pid()')})")
    error = ended(session.read)[1]
    assert isinstance(error, Refused) and error.code == "57P01", error


def forty_silent_clients_of_an_address_do_not_hold_up_others():
    held = []
    for _ in range(40):
        held.append(socket.socket())
        held[-1].bind(("127.0.0.2", 0))
        held[-1].connect(("127.0.0.1", 25433))
    began = time.monotonic()
    Session()
    took = time.monotonic() - began
    for connection in held:
        connection.close()
    assert took < 8, f"{took:.1f} s"  # they are let go after 10


def two_hundred_thousand_statements_without_a_pause_pass():
    session = Session()
    session.query("CREATE TEMP TABLE t (i int, v text)")
    row = message("B", b"\0p\0\0\0" + struct.pack("!hi5si100s", 2, 5, b"12345", 100, b"z" * 100) + b"\0\0")
    session.pour(
        message("P", b"p\0INSERT INTO t VALUES ($1, $2)\0\0\0") + (row + message("E", b"\0\0\0\0\0")) * 200_000 + message("S", b"")
    )
    session.tls.setblocking(True)
    assert session.query("SELECT count(*) FROM t") == "200000"


def large_and_small_messages_come_as_they_were_sent():
    session = Session()
    for length in (0, 1, 8180, 8187, 8192, 16379, 16384, 16389, 70000, 1_000_000):
        text = "y" * length
        assert session.query(f"SELECT '{text}'") == text, length
        assert session.query(f"SELECT length('{text}') FROM generate_series(1, 9)") == str(length), length


def a_cursor_that_is_read_by_Execute_and_Flush_goes_on_to_its_end():
    session = Session()
    begin = message("P", b"\0SELECT generate_series(1, 3000)\0\0\0") + message("B", b"\0" * 8) + message("D", b"P\0")
    session.tls.sendall(begin + message("H", b""))
    session.tls.settimeout(30)
    while session.read()[0] != "T":
        pass
    for turn in range(1000):
        session.send("E", b"\0" + struct.pack("!i", 1))
        time.sleep(turn % 5 * 0.0005)  # the answer is there before, while or after the next one goes out
        session.send("H", b"")
        while session.read()[0] != "s":  # PortalSuspended
            pass
    session.send("S", b"")
    while session.read()[0] != "Z":
        pass


def a_simple_statement_right_behind_the_error_of_an_extended_one_finds_its_session():
    session = Session()
    fails = message("P", b"\0SELECT 1 / i FROM generate_series(0, 0) i\0\0\0") + message("B", b"\0" * 8) + message("E", b"\0\0\0\0\0")
    for turn in range(300):
        session.tls.sendall(fails + message("S", b""))
        try:
            while session.read():
                pass
        except Refused as error:
            assert error.code == "22012", error
        # The server has not said yet that it is ready.
        session.send("Q", b"SELECT 7\0")
        for _ in range(2):
            while session.read()[0] != "Z":
                pass


def a_COPY_by_the_extended_protocol_takes_data_behind_its_Sync():
    session = Session()
    session.tls.sendall(message("P", b"\0COPY c FROM STDIN\0\0\0") + message("B", b"\0" * 8) + message("E", b"\0\0\0\0\0") + message("S", b""))
    while session.read()[0] != "G":
        pass
    session.tls.settimeout(30)
    session.tls.sendall(message("d", b"1\n") + message("c", b"") + message("S", b""))
    while session.read()[0] != "Z":
        pass
    assert session.query("SELECT 7") == "7"


def a_client_that_waits_in_COPY_is_told_that_its_server_has_gone():
    session = Session()
    backend = session.query("SELECT pg_backend_pid()")
    session.query("COPY c FROM STDIN", until="G")
    session.send("d", b"1\n")
    time.sleep(1)
    admin(f"SELECT pg_terminate_backend({backend})")
    took, _ = ended(session.read)
    assert took < 25, f"{took:.1f} s"  # 5 on an idle machine; without it, as long as the client waits


def a_COPY_goes_on_whose_server_reads_nothing_for_11_seconds():
    session = Session()
    session.query("COPY slow FROM STDIN", until="G")
    session.tls.sendall(message("d", b"1\n" * 8000) * 1000 + message("c", b""))
    while session.read()[0] != "Z":
        pass
    assert session.query("SELECT 7") == "7"


def main():
    together = (a_client_that_waits_in_COPY_is_told_that_its_server_has_gone, a_COPY_goes_on_whose_server_reads_nothing_for_11_seconds)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = [pool.submit(promise) for promise in together]
        done = [promise for promise in globals().copy().values() if getattr(promise, "__module__", "") == __name__]
        for promise in done:
            if promise.__name__.partition("_")[0] in ("a", "an", "forty", "two", "large") and promise not in together:
                promise()
                print(promise.__name__.replace("_", " "), flush=True)
        for promise, future in zip(together, waiting):
            future.result()
            print(promise.__name__.replace("_", " "), flush=True)


if __name__ == "__main__":
    main()
