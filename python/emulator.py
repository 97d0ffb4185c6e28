"""Starts the emulator (MiniStack 1.5.33) with three of its ways mended, for which it has no setting.

1. It also takes port 443 when it may, for a service that no lab uses: a run must not hold a port it does not need.
2. It reports every error of a Node function as `Runtime.HandlerError`. AWS reports the error's name, and the state
   machines tell by it what to try again and what to refuse.
3. What a function says when a state machine calls it goes to the emulator's CloudWatch Logs alone, and these end with the
   emulator: a run that failed would leave no word of it.
"""

import re

from ministack import app
from ministack.services import lambda_svc

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

if __name__ == "__main__":
    app.main()
