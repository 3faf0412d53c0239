"""Holds nvidia-smi's samples against the tool's own export: power over the windows of all trials by the trapezoid rule
beside the energy that the export has, and memory. Standard library only: python3 compare.py sweep.json sweep-smi.csv"""
import csv, datetime, json, sys

run = json.load(open(sys.argv[1]))
rows = []
for row in csv.reader(open(sys.argv[2])):
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
for index, point in enumerate(run["points"]):
    ours = instant = average = peak = told = 0.0
    for trial in run["trials"]:
        if trial["point"] != index:
            continue
        summary = trial["summary"]
        begin = run["created_unix_ms"] / 1e3 + summary["window_start_ns"] / 1e9
        end = begin + summary["window_s"]
        ours += summary["energy"]["joules"]
        instant += joules(1, begin, end)
        average += joules(2, begin, end)
        peak = max(peak, *(row[3] for row in rows if begin <= row[0] <= end))
        told = max(told, summary["kv"]["memory"]["peak_bytes"] / 2**20)
    print(
        f"{point['level']}: ours {ours:.0f} J, nvidia-smi instant {instant:.0f} J ({100 * (ours / instant - 1):+.2f} %), "
        f"average {average:.0f} J ({100 * (ours / average - 1):+.2f} %); memory peak ours {told:.0f} MiB, nvidia-smi {peak:.0f} MiB"
    )
