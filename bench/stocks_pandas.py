"""The stocks lab's rule in pandas, for its bench: `stocks_pandas.py RECORDS ROUNDS` prints milliseconds and what it said.

The formulas are those of domain/stocks/trend.ts and tick-rate.ts, over whole columns: all ticks at once, no state between batches.
"""

import json
import sys
import time

import numpy as np
import pandas as pd

HALF_LIFE_SECONDS = 60
LAMBDA = 0.94


def read(path: str) -> pd.DataFrame:
    with open(path, encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    trades = [record["trade"] for record in records]
    frame = pd.DataFrame(
        {
            "symbol": [trade["S"] for trade in trades],
            "venue": [trade["x"] for trade in trades],
            "trade_id": [trade["i"] for trade in trades],
            "at": pd.to_datetime([trade["t"] for trade in trades], format="ISO8601", utc=True),
            "price": [trade["p"] for trade in trades],
            "size": [trade["s"] for trade in trades],
            "received_ns": [int(record["feed"]["received"]) for record in records],
        }
    )
    frame["at_ns"] = frame["at"].dt.as_unit("ns").astype("int64")
    frame["trading_day"] = frame.pop("at").dt.tz_convert("America/New_York").dt.tz_localize(None).dt.normalize()
    return frame


def with_trend(ticks: pd.DataFrame) -> pd.DataFrame:
    ticks = ticks.drop_duplicates(["symbol", "venue", "trading_day", "trade_id"])
    late = ticks["at_ns"] < ticks.groupby("symbol")["at_ns"].cummax()
    rows = ticks[~late].copy()
    of_symbol = rows.groupby("symbol")
    price = rows["price"]
    before = [of_symbol["price"].shift(entry) for entry in (1, 2, 3)]
    rows["score"] = sum(np.sign(price - q) for q in before)
    up, down = rows["score"] > 0, rows["score"] < 0
    rows["trend"] = np.select([rows["score"].isna(), up, down], ["warming-up", "up", "down"], "flat")
    rows["change"] = price - before[0]
    rows["simple_return"] = price / before[0] - 1
    rows["change_percent"] = 100 * rows["simple_return"]
    squares = rows["simple_return"] ** 2
    variance = squares.groupby(rows["symbol"]).ewm(alpha=1 - LAMBDA, adjust=False).mean()
    rows["volatility"] = np.sqrt(variance.droplevel(0).reindex(rows.index))
    of_day = [rows["symbol"], rows["trading_day"]]
    volume = rows["size"].groupby(of_day).cumsum()
    rows["vwap"] = (price * rows["size"]).groupby(of_day).cumsum() / volume.where(volume > 0)
    # Weights grow instead of decaying, so that a sum over them is a running one.
    seconds = (rows["at_ns"] - of_symbol["at_ns"].transform("first")) / 1e9
    weight = 2 ** (seconds / HALF_LIFE_SECONDS)
    ticks_before = weight.groupby(rows["symbol"]).cumsum() - 1
    decayed_seconds = HALF_LIFE_SECONDS / np.log(2) * (weight - 1)
    rows["ticks_per_second"] = ticks_before / decayed_seconds.where(decayed_seconds > 0)
    # Late ticks are rows too, without statistics.
    return pd.concat([rows, ticks[late].assign(trend="late")]).sort_index() if late.any() else rows


def main(path: str, rounds: int) -> None:
    milliseconds: dict[str, list[float]] = {"read": [], "rule": [], "rows": []}
    for _ in range(rounds):
        begun = time.process_time()
        ticks = read(path)
        have_read = time.process_time()
        rows = with_trend(ticks)
        have_trend = time.process_time()
        rows.to_csv(None, index=False)
        ended = time.process_time()
        for name, seconds in zip(milliseconds, (have_read - begun, have_trend - have_read, ended - have_trend)):
            milliseconds[name].append(seconds * 1000)
    sums = {name: float(rows[name].sum()) for name in ("change", "volatility", "vwap", "ticks_per_second")}
    trends = {name: int(count) for name, count in rows["trend"].value_counts().items()}
    print(json.dumps({"milliseconds": milliseconds, "trends": trends, "sums": sums}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
