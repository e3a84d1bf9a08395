"""Adds orders to a database, and for each a task, in one transaction: both or neither.

    python3 examples/outbox/app.py shop.db
    daybook outbox --from sqlite:shop.db        # beside it, all the time

With PostgreSQL the same lines work with psycopg: connect to it, and write %s in place of ?.
"""
import json
import sqlite3
import subprocess
import sys

OUTBOX = subprocess.run(["daybook", "outbox", "--schema", "sqlite"], check=True, capture_output=True, text=True).stdout


def submit(db, task_type, parameters, **more):
    """Adds a task to the transaction of db. It is submitted when that is committed."""
    db.execute("INSERT INTO daybook_outbox (task) VALUES (?)", [json.dumps({"task_type": task_type, "parameters": parameters, **more})])


def order(db, customer, euros):
    with db:  # one transaction: an exception rolls it back
        row = db.execute("INSERT INTO orders (customer, euros) VALUES (?, ?)", [customer, euros])
        submit(db, "SLEEP", {"seconds": 0.1, "result": {"order": row.lastrowid}}, subject=f"order {row.lastrowid} of {customer}")
        if euros > 1000:
            raise ValueError(f"{customer} may not order for {euros} euros")


def main():
    db = sqlite3.connect(sys.argv[1])
    db.executescript(OUTBOX + "CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, customer TEXT NOT NULL, euros REAL NOT NULL);")
    for customer, euros in [("Ada", 40), ("Bob", 5000), ("Cleo", 12.5)]:
        try:
            order(db, customer, euros)
        except ValueError as error:
            print("no order, and no task:", error)


main()
