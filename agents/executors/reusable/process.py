"""A process that carries out jobs of one profile and project, one after the other."""

from __future__ import annotations

import contextlib
import json
import os
import select
import struct
import time
from collections import deque
from collections.abc import Sequence

from agents.executors.command import ended, not_started
from agents.executors.job import Ending, Job
from agents.executors.output_files import with_files
from agents.executors.python import LONGEST_VALUE, too_long
from agents.executors.reusable import child
from agents.executors.reusable.answers import Answer, Answers
from agents.executors.reusable.call import Call
from agents.executors.reusable.call_socket import CallSocket
from agents.executors.reusable.start import COMMON, Started
from agents.executors.run_process import Ran, Turn

SEVERAL, GATHER_S = 2, 0.001  # with more calls than that sent, answers are read several at a time
PATIENCE_S = 0.1  # when a job takes longer, those behind it are given back
NO_ANSWER = "wrote something other than its return value to the output for it"


class ReusableProcess:
    def __init__(self, job: Job) -> None:
        """Raises Unreachable, OSError and ValueError when it cannot be started."""
        self.key = job.process_key
        self.used_at = time.monotonic()
        self.waiting: deque[Call] = deque()
        self.sent: deque[Call] = deque()
        self.number = COMMON
        self.answered = 0
        self.exhausted = False  # it takes no further job
        self.last: Ending | None = None  # what is said once all that is left of it has ended
        self.answers = Answers()
        self.calls = CallSocket()
        self.stack = contextlib.ExitStack()
        self.stack.callback(self.calls.close)
        try:
            started = Started(job, self.calls, self.answers.mark.decode(), self.stack)
            self.process, self.folder, self.numbers = started.process, started.folder, started.numbers
            self._listen()
        except BaseException:
            self.stack.close()
            raise

    def _listen(self) -> None:
        self.woken, self.wakes = os.pipe()
        for fd in (self.woken, self.wakes):
            os.set_blocking(fd, False)
            self.stack.callback(os.close, fd)
        self.poll = select.poll()
        for fd in (self.process.pipe.fileno(), self.process.channel.fileno(), self.woken):
            self.poll.register(fd, select.POLLIN)

    @property
    def usable(self) -> bool:
        """Whether it can take another job, as far as is known."""
        if not (self.exhausted or self.process.ended) and self.poll.poll(0):
            self._wait(0)
        return not (self.exhausted or self.process.ended or self.waiting or self.sent)

    def carry_out(self, calls: Sequence[Call]) -> None:
        """Until each has ended or was given back."""
        self.waiting.extend(calls)
        for call in calls:
            call.stop.notify(self.wakes)
        try:
            while self.waiting or self.sent:
                self._send_waiting()
                self._look()
                if len(self.sent) > SEVERAL:
                    time.sleep(GATHER_S)
                if self.sent:
                    self._wait(self._patience())
                if self.process.ended:
                    self._finish()
                if not self.sent and (self.exhausted or self.process.ended):
                    self._give_back()
        finally:
            for call in calls:
                call.stop.notify(-1)
            self.used_at = time.monotonic()

    def close(self) -> None:
        """End it, and remove what it has."""
        with self.stack:
            if not self.process.ended:
                self.process.end(at_once=True)
            while not self.process.ended:
                self._wait(0.1)
                self.process.look()

    # -- sending

    def _send_waiting(self) -> None:
        while self.waiting and not (self.exhausted or self.process.ended):
            call = self.waiting[0]
            if self.sent and not self.answered:
                return  # it is still starting
            if self.sent and (call.job.leaves_files or self.sent[-1].job.leaves_files):
                return  # its files are copied before the next job empties the folder
            self.number += 1
            call.number = self.number
            job = call.job
            document = {
                "callable": job.words[0],
                "brief": job.brief,
                "slots": job.slots,
                "environment": job.environment,
            }
            if not self.calls.send(call.number, document):
                return
            self.sent.append(self.waiting.popleft())
            if len(self.sent) == 1:
                self._begin()

    def _withdraw(self, *, ended: bool = False) -> None:
        """What it has not taken waits again. A single call is left, unless the process has ended: it is about
        to take it. While we withdraw, it may take one behind others that are withdrawn.
        """
        if len(self.sent) < 2 and not ended:
            return
        numbers, first = self.calls.withdraw(), self.sent[0] if self.sent else None
        back = [call for call in self.sent if call.number in numbers]
        self.sent = deque(call for call in self.sent if call.number not in numbers)
        self.waiting.extendleft(reversed(back))
        if self.sent and self.sent[0] is not first:
            self._begin()

    def _send_back(self, call: Call) -> None:
        """Its end is that of the process, even if it has not begun."""
        if call in self.waiting:
            self.waiting.remove(call)
            self.sent.appendleft(call)

    # -- following

    def _begin(self) -> None:
        """The first that was sent is the one it carries out now."""
        call = self.sent[0]
        call.turn = Turn(call.job.isolation.limits, call.job.timeout_s, call.stop, call.job.activity)
        os.pwrite(self.numbers.fileno(), struct.pack("<Q", call.number), 0)

    def _look(self) -> None:
        """End what must be ended."""
        if any(call.stop.reason for call in list(self.sent)[1:]):
            self._withdraw()
        for call in [call for call in self.waiting if call.stop.reason]:
            self.waiting.remove(call)
            call.end(Ending.failed(call.stop.reason, stopped=True))
        if self.sent:
            current = self.sent[0]
            if current.turn.look():
                self.exhausted = True
                self._withdraw()
                self._send_back(current)
                self.process.end(at_once=bool(current.turn.limit))
            others = len(self.sent) + len(self.waiting) > 1
            if others and time.monotonic() - current.turn.began > PATIENCE_S:
                self._withdraw()
                self._give_back()
        self.process.look()

    def _patience(self) -> float:
        turn = self.sent[0].turn
        if len(self.sent) > 1 or self.waiting:
            return min(turn.patience, max(0.0, turn.began + PATIENCE_S - time.monotonic()) + 0.001)
        return turn.patience

    def _give_back(self) -> None:
        while self.waiting:
            call = self.waiting.popleft()
            call.stop.notify(-1)
            call.give_back()

    def _wait(self, patience: float) -> None:
        """For its answers, the end of it, or a request to stop a job."""
        for fd, _ in self.poll.poll(patience * 1000):
            if fd == self.woken:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.woken, 4096)
            elif fd == self.process.pipe.fileno():
                if piece := self.process.read():
                    self._take(piece)
                elif piece == b"":
                    self.poll.unregister(fd)
            elif not self.process.ended:
                self._read_messages()

    def _read_messages(self) -> None:
        try:
            self.process.read_messages()
            if self.sent:
                self.sent[0].turn.activity.files = self.process.files
        except OSError as error:
            self.exhausted = True
            self.process.ended = {"ended": 1}
            self._withdraw()
            for call in [*self.sent, *self.waiting]:
                call.end(not_started(call.job, error))
            self.sent.clear()
            self.waiting.clear()

    def _finish(self) -> None:
        """It has ended: what it was carrying out ends with it, what it had not taken waits again."""
        for piece in self.process.rest_of_output():
            self._take(piece)
        current = self.sent[0] if self.sent else None
        self._withdraw(ended=True)
        if current and (current.turn.cut or not self.answered):
            self._send_back(current)
        if not self.sent and not self.answered and self.waiting:
            self.sent.append(self.waiting.popleft())  # else the next process might end the same way for ever
            self._begin()
        while self.sent:
            turn = self.sent[0].turn
            turn.take(self.answers.rest())
            ran = turn.ran(self.process.ended, self.process.fault)
            self._end_first(self.last or self._last_ending(ran))

    def _last_ending(self, ran: Ran) -> Ending:
        """Of the job that it carried out when it ended without an answer."""
        if ran.code and not ran.cut:
            return with_files(ended(ran), self.sent[0].job, self.folder)
        return ended(ran) if ran.cut else ended(ran, value=None)

    # -- answers

    def _take(self, piece: bytes) -> None:
        for found in self.answers.take(piece):
            if isinstance(found, Answer):
                self._answer(found)
            elif self.sent:
                self.sent[0].turn.take(found)

    def _answer(self, answer: Answer) -> None:
        remains = answer.remains
        self.exhausted |= bool(remains)
        if not self.sent or self.sent[0].number != answer.number:
            self.exhausted = True
            self.process.end(at_once=True)
            return
        if remains.startswith(child.NOT_BEGUN) and self.answered:
            self.waiting.appendleft(self.sent.popleft())  # another process begins it
            return
        self.answered += 1
        ending = self._ending(self.sent[0], answer)
        if remains or not ending.ok:
            self.last = Ending.failed(remains) if remains.startswith(child.NOT_BEGUN) else ending
            self.process.end(at_once=True)
        else:
            self._end_first(ending)

    def _ending(self, call: Call, answer: Answer) -> Ending:
        turn, seconds = call.turn, time.monotonic() - call.turn.began
        if turn.cut:
            stopped = turn.cut == call.stop.reason
            return ended(Ran(0, turn.output, seconds, turn.cut, stopped, turn.limit))
        if answer.size > LONGEST_VALUE:
            return too_long(call.job, answer.size)
        try:
            ending = ended(Ran(0, turn.output, seconds), value=json.loads(answer.value))
        except ValueError:
            return Ending.refused(f"{call.job.words[0]} {NO_ANSWER}")
        return with_files(ending, call.job, self.folder)

    def _end_first(self, ending: Ending) -> None:
        call = self.sent.popleft()
        self.exhausted |= not ending.ok
        if self.sent:
            self._begin()
        call.stop.notify(-1)
        call.end(ending)
