"""Starts the emulator (MiniStack 1.5.33) with six of its ways mended, for which it has no setting.

1. It also takes port 443 when it may, for a service that no lab uses: a run must not hold a port it does not need.
2. It reports every error of a Node function as `Runtime.HandlerError`. AWS reports the error's name, and the state
   machines tell by it what to try again and what to refuse.
3. What a function says when a state machine calls it goes to the emulator's CloudWatch Logs alone, and these end with the
   emulator: a run that failed would leave no word of it.
4. Its Firehose writes an object for each record, as it came. AWS gathers records for as long as the buffering hints say,
   puts the delimiter behind each, and compresses them together. So does this one, but gathers for a second at most:
   nobody who looks at a laptop waits a minute for its archive.
5. Its state machines fail an expression that took more than a second, as AWS's do. Here the clock also runs while a busy
   machine does something else in the middle of a sound one, and an import would fail: an expression may take a minute.
6. Its CloudFormation names what has no name in the template after stack and logical id alone. AWS gives a second stack of the
   same name other names: what the first one left is not in its way, and it does not find itself in somebody else's table.
"""

import asyncio
import contextvars
import gzip
import re
import threading

from ministack import app
from ministack.services import cloudformation, firehose, lambda_svc, stepfunctions
from ministack.services.cloudformation import provisioners

app._port_is_bindable = lambda *_: False

_execute = lambda_svc._execute_function_warm


def _error_name(message: str, log: str) -> "str | None":
    """The name in the first line of the stack, `Name: message`.

    V8 writes that line when the error is made: one that takes its name later is an `Error` there, and ours have their
    name at the beginning of the message.
    """
    first = message.split("\n", 1)[0]
    for line in reversed(log.split("\n")):
        named = re.match(r"([A-Za-z_$][\w$.]*): ", line)
        if named and line == f"{named.group(1)}: {first}" and named.group(1) != "Error":
            return named.group(1)
    own = re.match(r"([A-Z][A-Za-z0-9]+): .*; ", first)
    return own.group(1) if own else None


def _execute_mended(func, event, request_id):
    result = _execute(func, event, request_id)
    said = str(result.get("log") or "").rstrip("\n")
    if said:
        print(said, flush=True)
    body = result.get("body")
    if result.get("error") and isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
        name = _error_name(str(body.get("errorMessage", "")), str(result.get("log", "")))
        if name:
            body["errorType"] = name
    return result


lambda_svc._execute_function_warm = _execute_mended

_parse = stepfunctions.jsonata.Jsonata.jsonata


def _parse_patiently(expression, *arguments, timeout=None, **options):
    return _parse(expression, *arguments, timeout=None if timeout is None else 60_000, **options)


stepfunctions.jsonata.Jsonata.jsonata = staticmethod(_parse_patiently)

_GATHER_SECONDS = 1.0
_deliver_one = firehose._deliver_to_s3
_gathering = threading.Lock()
_gathered: "dict[int, bytearray]" = {}


def _delimiter(config: dict) -> bytes:
    for processor in (config.get("ProcessingConfiguration") or {}).get("Processors") or []:
        if processor.get("Type") == "AppendDelimiterToRecord":
            for parameter in processor.get("Parameters") or []:
                if parameter.get("ParameterName") == "Delimiter":
                    return parameter["ParameterValue"].replace("\\n", "\n").encode()
    return b""


def _deliver_gathered(stream, dest, data, lambda_keys=None):
    config = dest["config"]
    if any((config.get(f"{kind}Configuration") or {}).get("Enabled") for kind in ("DynamicPartitioning", "DataFormatConversion")):
        return _deliver_one(stream, dest, data, lambda_keys)
    most = (config.get("BufferingHints") or {}).get("SizeInMBs", 5) * 1024**2

    def deliver():
        with _gathering:
            body = bytes(_gathered.pop(id(dest), b""))
        if body:
            _deliver_one(stream, dest, gzip.compress(body, 1) if config.get("CompressionFormat") == "GZIP" else body)

    with _gathering:
        waiting = _gathered.setdefault(id(dest), bytearray())
        is_first = not waiting
        waiting += data + _delimiter(config)
        is_full = len(waiting) >= most
    if is_full:
        deliver()
    elif is_first:
        _later(deliver)
    return None


def _later(work):
    try:
        asyncio.get_running_loop().call_later(_GATHER_SECONDS, work)
    except RuntimeError:
        # Account and region are in the context of the call.
        timer = threading.Timer(_GATHER_SECONDS, contextvars.copy_context().run, (work,))
        timer.daemon = True
        timer.start()


firehose._deliver_to_s3 = _deliver_gathered

_name = provisioners._physical_name


def _name_after_stack(stack_name, logical_id, *, seeded=True, **options):
    stack = cloudformation._stacks.get(stack_name) or {}
    seed = provisioners._NAME_SEED.get() if seeded else ""
    token = provisioners._NAME_SEED.set(f"{stack.get('StackId', '')}{seed}")
    try:
        return _name(stack_name, logical_id, **options)
    finally:
        provisioners._NAME_SEED.reset(token)


provisioners._physical_name = _name_after_stack

if __name__ == "__main__":
    app.main()
