"""Starts the emulator on the one port that it was given.

MiniStack also takes port 443 when it may, for a service that no lab uses: a laptop's run must not hold a port that it
does not need.
"""

from ministack import app

app._port_is_bindable = lambda *_: False  # no public setting for it in 1.5.33

if __name__ == "__main__":
    app.main()
