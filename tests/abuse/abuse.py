#!/usr/bin/env python3
"""Abuse of one server by one client, on loopback: what anyone can take who reaches the port.

    tests/abuse/abuse.py --bin target/ci/proconsul --seconds 60

Starts the binary, measures an honest client in quiet, then each attack of ATTACKS for its share of the seconds with the
honest client beside it, then a common rest of a minute. Fails (exit 1) if the memory of the process ever reaches 200 MiB,
if it is not back within 40 MiB of the start after the rest, or if the 99th percentile of honest requests during an attack is
beyond five times the quiet one (never less than FLOOR: below that the machine is measured, not the server).

Standard library only. An attack is a function of (target, deadline); add it to ATTACKS.
"""

import argparse
import contextlib
import gzip
import http.server
import io
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

MIB = 1 << 20
RSS_MAX = 200 * MIB
BACK_WITHIN = 40 * MIB
SLOWDOWN_MAX = 5
FLOOR = 0.050  # seconds
CONNECTIONS = 200  # what one address may hold
PAUSE = 0.01


class Target:
    """The server under attack."""

    def __init__(self, binary, folder):
        ports = free_ports(6)
        self.http, self.dns = ports[0], ports[1]
        names = ("http", "dns", "serf_lan", "serf_wan", "server", "grpc_tls")
        config = {
            "node_name": "abused", "server": True, "bootstrap_expect": 1, "bind_addr": "127.0.0.1",
            "data_dir": f"{folder}/data", "log_level": "ERROR", "ports": dict(zip(names, ports)),
        }
        path = f"{folder}/abuse.json"
        with open(path, "w") as file:
            json.dump(config, file)
        self.log = open(f"{folder}/log", "w+")
        self.process = subprocess.Popen([binary, "agent", "-config-file", path], stdout=self.log, stderr=self.log)
        self.peak = 0
        self.wronged = []  # what attacks saw happen to others

    def ready(self):
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                if b" 200 " in self.ask("PUT", "/v1/kv/abuse", b"here").split(b"\r\n")[0]:
                    return
            time.sleep(0.2)
        self.log.seek(0)
        sys.exit(f"the server does not come up:\n{self.log.read()}")

    def rss(self):
        with open(f"/proc/{self.process.pid}/statm") as file:
            now = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        self.peak = max(self.peak, now)
        return now

    def connect(self, port=None, timeout=5):
        return socket.create_connection(("127.0.0.1", port or self.http), timeout)

    def ask(self, method, path, body=b"", timeout=30):
        with self.connect(timeout=timeout) as stream:
            head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
            stream.sendall(head.encode() + body)
            return everything(stream)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()


def free_ports(count):
    held = []
    for _ in range(count):
        held.append(socket.socket())
        held[-1].bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def everything(stream):
    out = b""
    while piece := stream.recv(65536):
        out += piece
    return out


class Honest(threading.Thread):
    """A client that keeps one connection and writes and reads one small key. Made before the attack, as clients are."""

    def __init__(self, target):
        super().__init__(daemon=True)
        self.target, self.took, self.failed, self.over = target, [], 0, threading.Event()
        self.stream = target.connect(timeout=30)

    def exchange(self, request):
        began = time.monotonic()
        self.stream.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = self.stream.recv(65536)
            if not piece:
                raise OSError("closed")
            answer += piece
        self.took.append(time.monotonic() - began)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise OSError(answer[:80].decode(errors="replace"))

    def run(self):
        head = "HTTP/1.1\r\nHost: localhost\r\nContent-Length:"
        requests = [f"PUT /v1/kv/honest {head} 1\r\n\r\nx".encode(), f"GET /v1/status/leader {head} 0\r\n\r\n".encode()]
        while not self.over.is_set():
            for request in requests:
                try:
                    self.exchange(request)
                except OSError as error:
                    self.failed += 1
                    self.last = error
                    with contextlib.suppress(OSError):
                        self.stream = self.target.connect(timeout=30)
            time.sleep(PAUSE)

    def p99(self):
        took = sorted(self.took)
        return took[min(len(took) - 1, len(took) * 99 // 100)] if took else float("inf")


def measured(target, seconds, attack=None):
    """An honest client's p99 and failures, and the highest memory, while `attack` runs."""
    honest = Honest(target)
    honest.start()
    end = time.monotonic() + seconds
    worker = threading.Thread(target=attack, args=(target, end), daemon=True) if attack else None
    if worker:
        worker.start()
    high = 0
    while time.monotonic() < end or (worker and worker.is_alive() and time.monotonic() < end + 10):
        high = max(high, target.rss())
        time.sleep(0.02)
    honest.over.set()
    honest.join(35)
    return honest.p99(), honest.failed, high


def held(target, end, first, then=b"", every=1.0, port=None, count=CONNECTIONS - 20):
    """Holds `count` connections that have sent `first`, and sends them `then` again and again."""
    streams = []
    try:
        for _ in range(count):
            with contextlib.suppress(OSError):
                streams.append(target.connect(port))
                streams[-1].settimeout(0.2)
                streams[-1].sendall(first)
        while time.monotonic() < end:
            time.sleep(min(every, max(0.0, end - time.monotonic())))
            for stream in streams:
                if then:
                    with contextlib.suppress(OSError):
                        stream.sendall(then)
    finally:
        for stream in streams:
            stream.close()


def again(target, end, ask):
    """Asks over and over until the time is over; refusals and cut connections are answers too."""
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            ask()


def bodies(path, length, chunked=False):
    """Bodies whose last byte never comes."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {length}"
    lead = f"{length:x}\r\n" if chunked else ""
    request = f"PUT {path} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n{lead}".encode() + b"x" * (length - 1)
    return lambda target, end: held(target, end, request)


def long_heads(target, end):
    held(target, end, b"GET /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nA: " + b"x" * 900_000)


def blank_lines(target, end):
    with target.connect() as stream:
        again(target, end, lambda: stream.send(b"\r\n"[:1]) and stream.send(b"\n"))


def flood_behind_a_stream(target, end):
    def flood():
        with target.connect(timeout=1) as stream:
            stream.sendall(b"GET /v1/agent/monitor HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while time.monotonic() < end:
                stream.sendall(b"x" * 65536)
    again(target, end, flood)


def abandoned_streams(target, end):
    def abandon():
        with target.connect(timeout=1) as stream:
            stream.sendall(b"GET /v1/agent/monitor HTTP/1.1\r\nHost: localhost\r\n\r\nx")
            stream.recv(1)
    for _ in range(2 * CONNECTIONS):
        if time.monotonic() < end:
            with contextlib.suppress(OSError):
                abandon()
    if b" 200 " not in target.ask("GET", "/v1/status/leader").split(b"\r\n")[0]:
        target.wronged.append("abandoned streams lock the address out")


def change_streams(target, end):
    held(target, end, b"GET /v1/x/changes?kv= HTTP/1.1\r\nHost: localhost\r\n\r\n")


def filters(pattern, times=1):
    one = f'Node matches "{pattern}"'
    query = "%20or%20".join([one.replace(" ", "%20").replace('"', "%22")] * times)
    return lambda target, end: again(target, end, lambda: target.ask("GET", f"/v1/catalog/nodes?filter={query}"))


def many_filters(target, end):
    number = iter(range(10**9))
    ask = lambda: target.ask("GET", f"/v1/catalog/nodes?filter=Node!=%22n{next(number)}%22")
    again(target, end, ask)


def get_trees(target, end):
    for at in range(32):
        target.ask("PUT", f"/v1/kv/tree/{at}", b"v" * 100_000)
    operation = {"KV": {"Verb": "get-tree", "Key": "tree/"}}
    body = json.dumps([operation] * 64).encode()
    again(target, end, lambda: target.ask("PUT", "/v1/txn", body))
    target.ask("DELETE", "/v1/kv/tree/?recurse")


def deep_bodies(target, end):
    body = b'{"Node":"n","Address":"a","NodeMeta":' + b"[" * 400_000
    again(target, end, lambda: target.ask("PUT", "/v1/catalog/register", body))


def short_elements(target, end):
    """Two bytes of text that stand for a record of hundreds."""
    many = b",".join([b"{}"] * 600_000)
    bodies = itertools.cycle([
        ("/v1/agent/service/register", b'{"Name":"a","Checks":[' + many + b"]}"),
        ("/v1/catalog/register", b'{"Node":"a","Address":"b","Checks":[' + many + b"]}"),
        ("/v1/agent/service/register", b'{"Name":"a","Proxy":{"Upstreams":[' + many + b"]}}"),
    ])
    again(target, end, lambda: target.ask("PUT", *next(bodies)))


def packed(pieces):
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as file:
        for piece in pieces:
            file.write(piece)
    return out.getvalue()


def member(name, size, kind=b"0"):
    header = tarfile.TarInfo(name)
    header.size, header.type = size, kind
    return header.tobuf(tarfile.USTAR_FORMAT)


def archives():
    """Archives that grow while they are read: zeros, names and headers of half a MiB, records of nested arrays."""
    meta = json.dumps({"Version": 1, "ID": "1-1-1", "Index": 1, "Term": 1, "Size": 36_000}).encode()
    lead = [member("meta.json", len(meta)), meta, b"\0" * (-len(meta) % 512)]
    deep = b"\x91" * 36_000
    made = [
        packed([b"\0" * MIB] * 512),
        packed(lead + [member("state.bin", 1 << 30)] + [b"\0" * MIB] * 512),
        packed([member("././@LongLink", 512 << 10, b"L"), b"n" * (512 << 10)] * 64),
        packed([member("PaxHeaders/x", 512 << 10, b"x"), b"524288 path=" + b"n" * ((512 << 10) - 13) + b"\n"] * 64),
        packed(lead + [member("state.bin", len(deep)), deep, b"\0" * (-len(deep) % 512)]),
    ]
    def send(target, end):
        turn = itertools.cycle(made)
        again(target, end, lambda: target.ask("PUT", "/v1/snapshot", next(turn)))
    return send


def dns_bytes(target, end):
    """Holds places of DNS with a byte now and then; somebody else must be answered meanwhile."""
    question = bytes.fromhex("0001 0100 0001 0000 0000 0000 06 636f6e73756c 07 73657276696365 06 636f6e73756c 00 0001 0001")
    lost = []
    def other():
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", target.dns), 10, ("127.0.0.9", 0)) as stream:
                    stream.sendall(len(question).to_bytes(2, "big") + question)
                    if len(stream.recv(2)) != 2:
                        lost.append("closed")
            except OSError as error:
                lost.append(str(error))
            time.sleep(0.1)
    asking = threading.Thread(target=other, daemon=True)
    asking.start()
    held(target, end, b"\0", b"\0", every=2.0, port=target.dns, count=2500)
    asking.join(15)
    if lost:
        target.wronged.append(f"{len(lost)} questions of somebody else had no answer ({lost[-1]})")


def slow_checks(target, end):
    """Checks of a peer that never answers; a quick one beside them must run on."""
    quick = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Counted)
    threading.Thread(target=quick.serve_forever, daemon=True).start()
    check = {"Name": "quick", "HTTP": f"http://127.0.0.1:{quick.server_port}/", "Interval": "1s", "Timeout": "5s"}
    target.ask("PUT", "/v1/agent/check/register", json.dumps(check).encode())
    began = time.monotonic()
    sink = socket.socket()
    sink.bind(("127.0.0.1", 0))
    sink.listen(1024)
    url = f"http://127.0.0.1:{sink.getsockname()[1]}/"
    names = [f"slow-{at}" for at in range(512)]
    for name in names:
        check = {"ID": name, "Name": name, "HTTP": url, "Interval": "1s", "Timeout": "60s"}
        target.ask("PUT", "/v1/agent/check/register", json.dumps(check).encode())
        if time.monotonic() > end:
            break
    time.sleep(max(0.0, end - time.monotonic()))
    wanted = (time.monotonic() - began) / 2 - 1
    if Counted.seen < wanted:
        target.wronged.append(f"a quick check ran {Counted.seen} times beside slow ones, {wanted:.0f} wanted")
    for name in [*names, "quick"]:
        target.ask("PUT", f"/v1/agent/check/deregister/{name}")
    sink.close()
    quick.shutdown()


class Counted(http.server.BaseHTTPRequestHandler):
    """Answers and counts."""

    seen = 0

    def do_GET(self):
        Counted.seen += 1
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


ATTACKS = [
    ("bodies of a key", bodies("/v1/kv/big", 512 * 1024)),
    ("bodies in chunks", bodies("/v1/kv/big", 8 * MIB, chunked=True)),
    ("bodies of a registration", bodies("/v1/catalog/register", 2 * MIB)),
    ("bodies of an event", bodies("/v1/event/fire/e", 1 * MIB)),
    ("long heads", long_heads),
    ("blank lines", blank_lines),
    ("flood behind a stream", flood_behind_a_stream),
    ("abandoned streams", abandoned_streams),
    ("streams of changes", change_streams),
    ("patterns in filters", filters("(((a{1,100}){1,100}){1,100})")),
    ("long patterns", filters("(x%2By%3F){1,900}", 200)),
    ("many filters", many_filters),
    ("transactions of trees", get_trees),
    ("deep bodies", deep_bodies),
    ("short elements", short_elements),
    ("archives", archives()),
    ("bytes of DNS", dns_bytes),
    ("slow checks", slow_checks),
]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bin", required=True)
    options.add_argument("--seconds", type=float, default=60, help="of attack, shared by all attacks")
    options.add_argument("--rest", type=float, default=60, help="seconds of rest before memory is judged")
    options.add_argument("--slowdown", type=float, default=SLOWDOWN_MAX, help="p99 beside the quiet one that is a breach")
    options.add_argument("--floor", type=float, default=FLOOR, help="seconds below which a p99 is none")
    options.add_argument("--brief", action="store_true", help="print only breaches and a line of totals")
    options.add_argument("-k", default="", help="only attacks whose name holds this")
    given = options.parse_args()
    attacks = [attack for attack in ATTACKS if given.k in attack[0]]
    share = given.seconds / max(1, len(attacks))
    breaches = []
    with tempfile.TemporaryDirectory() as folder:
        target = Target(given.bin, folder)
        try:
            target.ready()
            quiet, _, start = measured(target, 5)
            limit = max(given.slowdown * quiet, given.floor)
            say = (lambda *_, **__: None) if given.brief else print
            say(f"{'attack':<26} {'p99 ms':>8} {'failed':>7} {'RSS MiB':>8}")
            say(f"{'(quiet)':<26} {quiet * 1e3:>8.1f} {'':>7} {start / MIB:>8.1f}", flush=True)
            for name, attack in attacks:
                p99, failed, high = measured(target, share, attack)
                wrong = [
                    text for breach, text in (
                        (p99 > limit, f"p99 beyond {limit * 1e3:.0f} ms"),
                        (high >= RSS_MAX, "memory"),
                        (failed > 0, "honest requests failed"),
                    ) if breach
                ] + target.wronged
                target.wronged = []
                say(f"{name:<26} {p99 * 1e3:>8.1f} {failed:>7} {high / MIB:>8.1f} {', '.join(wrong)}", flush=True)
                breaches += [f"{name}: {text}" for text in wrong]
            time.sleep(given.rest)
            rest = target.rss()
            say(f"{'(after rest)':<26} {'':>8} {'':>7} {rest / MIB:>8.1f}")
            if rest > start + BACK_WITHIN:
                breaches.append(f"memory after the rest: {rest / MIB:.0f} MiB, {start / MIB:.0f} at the start")
            if target.peak >= RSS_MAX:
                breaches.append(f"memory: {target.peak / MIB:.0f} MiB at the highest")
        finally:
            target.end()
    for breach in breaches:
        print(f"breach: {breach}")
    if given.brief:
        mib = lambda size: f"{size / MIB:.0f} MiB"
        print(f"{len(attacks)} attacks, {len(breaches)} breaches; memory {mib(start)} at the start, {mib(target.peak)} at the highest, {mib(rest)} after the rest")
    sys.exit(1 if breaches else 0)


if __name__ == "__main__":
    main()
