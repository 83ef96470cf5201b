"""The engine: many commands at once, one database transaction.

It knows tables, rows and commands; it knows no payments. Reading order: `command`, `table`,
`world`, `group` (one group of commands, start to commit), `queue`, `lane` (a connection that serves
group after group, and what happens when it fails), `writer` (two lanes, as others see them).
"""
