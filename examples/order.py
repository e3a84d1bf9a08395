#!/usr/bin/env python3
"""A worker whose task charges once, waits for an event, asks a person, makes three pictures and a mail as tasks below it, and goes on
wherever it was: kill it at any time.

    python3 examples/order.py
    daybook submit order -p order=42 --subject "order 42"
    daybook event paid:42 '{"amount":99}'
    daybook approvals; daybook approve ID -p amount=99"""
import secrets
import worker
from steps import Steps

def order(lease, p):
    s = Steps(lease)
    payment = s.step("charge", lambda: "p-" + secrets.token_hex(4))  # give the bank lease.task["id"] as an idempotency key
    paid = s.wait_event("paid", f"paid:{p['order']}", timeout=86400)
    answer = s.approval("ask", f"Ship order {p['order']}?", {"type": "object", "properties": {"amount": {"type": "integer", "minimum": 1}}})
    if not answer["approved"]: return {"rejected": answer["reason"]}
    pictures = s.children("pictures", {size: {"task_type": "IMAGE_PROCESSING", "parameters": {"image_count": 1, "seed": p["order"], "target_size": size}}
                                       for size in ("80x60", "320x240", "1280x960")})
    s.sleep("cool-off", p.get("cool_off", 1))
    mail = s.children("mail", {"customer": {"task_type": "EMAIL_SIMULATION", "parameters": {"recipient_count": 1, "delay_per_email": 0, "subject": f"Order {p['order']} is on its way"}}})
    return {"mailed": mail["customer"]["status"] == "SUCCESS", "payment": payment, "paid": paid, "amount": (answer["answer"] or {}).get("amount"),
            "pictures": {size: child["id"] for size, child in pictures.items()}}

worker.HANDLERS, worker.DECLARED = {"order": order}, {"order": {"title": "Order", "parameters_schema": {"type": "object", "required": ["order"], "properties": {
    "order": {"type": "integer", "title": "Order"}, "cool_off": {"type": "number", "minimum": 0}}}}}
if __name__ == "__main__": worker.main()
