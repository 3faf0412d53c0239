"""Holds nvidia-smi's samples (smi.csv) against the tool's own export (kv.json): power over each window by the trapezoid
rule beside the energy that the export has. Standard library only: python3 compare.py"""
import csv, datetime, json

run = json.load(open("kv.json"))
rows = []
for row in csv.reader(open("smi.csv")):
    try:
        at = datetime.datetime.strptime(row[0], "%Y/%m/%d %H:%M:%S.%f").replace(tzinfo=datetime.timezone.utc)
        rows.append((at.timestamp(), float(row[1]), float(row[2]), float(row[3])))
    except (ValueError, IndexError):
        continue


def joules(column, begin, end):
    total = 0.0
    for a, b in zip(rows, rows[1:]):
        low, high = max(a[0], begin), min(b[0], end)
        if high > low:
            total += (a[column] + b[column]) / 2 * (high - low)
    return total


print(f"{len(rows)} samples of nvidia-smi")
for point in run["points"]:
    summary = point["summary"]
    begin = run["created_unix_ms"] / 1e3 + summary["window_start_ns"] / 1e9
    end = begin + summary["window_s"]
    ours = summary["energy"]["joules"]
    instant, average = joules(1, begin, end), joules(2, begin, end)
    peak = max(row[3] for row in rows if begin <= row[0] <= end)
    print(
        f"{point['level']}: ours {ours:.0f} J ({summary['energy']['method']}), nvidia-smi instant {instant:.0f} J "
        f"({100 * (ours / instant - 1):+.2f} %), average {average:.0f} J ({100 * (ours / average - 1):+.2f} %); "
        f"memory peak ours {summary['kv']['memory']['peak_bytes'] / 2**20:.0f} MiB, nvidia-smi {peak:.0f} MiB"
    )
