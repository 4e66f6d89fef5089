"""One wire to which network namespaces are attached by TAP devices, with faults that a seed decides.

wire.py SEED COUNT makes COUNT devices, igor0 and on, in the namespace that it runs in; they may be moved to others.
Then it carries Ethernet frames between them and answers each line that it reads: `faults LOSS DELAY DUPLICATION`
(per mille, milliseconds, per mille), `cut A B`, `heal` and `count`. It ends with its input, and its devices with it.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
TAP_WITHOUT_HEADER = 0x1002


def device(name):
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", name.encode(), TAP_WITHOUT_HEADER))
    return file


class Wire:
    def __init__(self, seed, count):
        self.random = random.Random(seed)
        self.devices = [device(f"igor{number}") for number in range(count)]
        self.loss, self.delay, self.duplication = 0, 0.0, 0
        self.cuts = set()
        self.at = {}
        self.due = []
        self.carried = self.lost = self.doubled = self.stopped = 0

    def command(self, line):
        words = line.split()
        if words[0] == "faults":
            self.loss, self.delay, self.duplication = int(words[1]), int(words[2]) / 1000, int(words[3])
        elif words[0] == "cut":
            self.cuts.add(frozenset(map(int, words[1:])))
        elif words[0] == "heal":
            self.cuts.clear()
        print(self.carried, self.lost, self.doubled, self.stopped, flush=True)

    def arrived(self, source, frame):
        """Decides what becomes of a frame that a device sent."""
        self.at[frame[6:12]] = source
        known = self.at.get(frame[0:6])
        targets = range(len(self.devices)) if known is None else [known]
        for target in targets:
            if target == source:
                continue
            if self.random.randrange(1000) < self.loss:
                self.lost += 1
                continue
            copies = 1 + (self.random.randrange(1000) < self.duplication)
            self.doubled += copies - 1
            for _ in range(copies):
                number = self.carried + self.stopped + len(self.due)
                heapq.heappush(self.due, (time.monotonic() + self.delay, number, source, target, frame))

    def deliver(self):
        """Delivers what is due; how long to wait for the next frame, if there is one."""
        while self.due:
            wait = self.due[0][0] - time.monotonic()
            if wait > 0:
                return wait
            _, _, source, target, frame = heapq.heappop(self.due)
            if frozenset((source, target)) in self.cuts:
                self.stopped += 1
                continue
            try:
                os.write(self.devices[target], frame)
                self.carried += 1
            except OSError:
                # A device that is down or full loses frames, as others do.
                self.lost += 1
        return None

    def run(self):
        os.set_blocking(0, False)
        heard = b""
        while True:
            ready, _, _ = select.select([0, *self.devices], [], [], self.deliver())
            for file in ready:
                if file != 0:
                    self.arrived(self.devices.index(file), os.read(file, 65536))
                    continue
                read = os.read(0, 4096)
                if not read:
                    return
                *lines, heard = (heard + read).split(b"\n")
                for line in lines:
                    self.command(line.decode())


wire = Wire(int(sys.argv[1]), int(sys.argv[2]))
print("ready", flush=True)
wire.run()
