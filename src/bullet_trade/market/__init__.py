"""The trading rules of the mainland exchanges: pure functions over dated tables with their sources.

Every rule is one module that answers with a value, or with a `Refusal` that names rule, value, bound and
remedy. Rules change by date: each function takes the trading day and applies what was in force then.
"""
