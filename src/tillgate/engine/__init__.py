"""The engine: many commands at once, one database transaction.

It knows tables, rows and commands; it knows no payments. Reading order: `command`, `table`,
`world`, `group` (one group of commands, start to commit), `writer` (the queue in front of it).
"""
