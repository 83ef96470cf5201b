"""Webhooks out: endpoints that merchants register, and the delivery of events to them.

Reading order: `model`, `rules` (what is sent, when, and what an answer means), `store.sql` (the
queue), `jobs` (the worker's part), `commands` and `api` (endpoints as configuration).
"""
