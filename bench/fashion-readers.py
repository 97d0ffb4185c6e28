"""Python readers of workbooks for the fashion bench: `fashion-readers.py CASE WORKBOOK` prints {rows, ms, peakMb}."""

import json
import resource
import sys
import time


def fastexcel(path: str) -> int:
    from fastexcel import read_excel

    return read_excel(path).load_sheet(0).height


def python_calamine(path: str) -> int:
    from python_calamine import CalamineWorkbook

    rows = -1  # the header
    for _ in CalamineWorkbook.from_path(path).get_sheet_by_index(0).iter_rows():
        rows += 1
    return rows


def versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("fastexcel", "python-calamine")}


cases = {"fastexcel": fastexcel, "python-calamine": python_calamine}

if __name__ == "__main__":
    case, path = sys.argv[1:]
    if case == "versions":
        print(json.dumps(versions()))
        sys.exit()
    begun = time.perf_counter()
    rows = cases[case](path)
    ms = (time.perf_counter() - begun) * 1000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes, but for macOS, where they are bytes.
    print(json.dumps({"rows": rows, "ms": ms, "peakMb": peak / (1024 * 1024 if sys.platform == "darwin" else 1024)}))
