"""What a strategy sets with `set_option`, `set_order_cost` and their like; saved with the state."""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction

from bullet_trade.domain.errors import StrategyError
from bullet_trade.domain.money import money, yuan
from bullet_trade.engine.schedule import parse_time
from bullet_trade.market.rates import RATE_SCALE
from bullet_trade.ports.terms import Cost, Slippage, TradingTerms, rate

KNOWN_OPTIONS = frozenset(
    {
        "use_real_price",
        "avoid_future_data",
        "order_volume_ratio",
        "match_with_order_book",
        "match_by_signal",
        "t0_mode",
        "always_match_market_order",
        "futures_margin_rate",
        "margincash_interest_rate",
        "margincash_margin_rate",
        "marginsec_interest_rate",
        "marginsec_margin_rate",
        "time_aliases",
    }
)
DEFAULT_BENCHMARK = "000300.XSHG"


class StrategySettings:
    """Benchmark, options, costs and slippage as the strategy gave them."""

    def __init__(self) -> None:
        self.benchmark = DEFAULT_BENCHMARK
        self.options: dict[str, object] = {}

    def set_option(self, key: str, value: object, terms: TradingTerms) -> bool:
        """Store an option and let it act; False when the name is not known (it is stored all the same)."""
        if key == "order_volume_ratio":
            share = Fraction(str(value))
            if not 0 < share <= 1:
                raise StrategyError(f"order_volume_ratio={value!r} 无效", "取值范围 0 到 1")
            terms.volume_share = share
        if key == "time_aliases":
            _check_aliases(value)
        self.options[key] = value
        return key in KNOWN_OPTIONS or key.startswith("futures_margin_rate")

    def time_alias(self, expression: object) -> object:
        """What a word of the strategy's own stands for, or the expression itself."""
        aliases = self.options.get("time_aliases")
        if isinstance(aliases, dict) and isinstance(expression, str):
            return aliases.get(expression.strip(), aliases.get(expression.strip().lower(), expression))
        return expression

    def document(self, terms: TradingTerms) -> dict[str, object]:
        """For `live_state.json`, in the names of deployed files; dates become ISO text."""
        return {
            "benchmark": self.benchmark,
            "options": {key: _plain(value) for key, value in self.options.items()},
            "order_cost": {key: _cost_row(cost) for key, cost in terms.costs.items()},
            "slippage_map": {key: {"ratio": s.ratio, "yuan": s.yuan} for key, s in terms.slippage.items()},
        }

    def restore(self, document: dict[str, object], terms: TradingTerms) -> None:
        """Take over what was saved."""
        self.benchmark = str(document.get("benchmark") or DEFAULT_BENCHMARK)
        options = document.get("options")
        for key, value in (options if isinstance(options, dict) else {}).items():
            self.set_option(key, value, terms)
        for key, row in _rows(document.get("order_cost")):
            terms.costs[key] = _cost_of(row)
        for key, row in _rows(document.get("slippage_map")):
            if "ratio" in row or "yuan" in row:
                terms.slippage[key] = Slippage(ratio=row.get("ratio", 0.0), yuan=row.get("yuan", 0.0))


def _cost_row(cost: Cost) -> dict[str, float]:
    return {
        "open_tax": cost.open_tax / RATE_SCALE,
        "close_tax": cost.close_tax / RATE_SCALE,
        "open_commission": cost.open_rate / RATE_SCALE,
        "close_commission": cost.close_rate / RATE_SCALE,
        "min_commission": yuan(cost.minimum),
    }


def _cost_of(row: dict[str, float]) -> Cost:
    return Cost(
        open_rate=rate(row.get("open_commission", 0.0)),
        close_rate=rate(row.get("close_commission", 0.0)),
        open_tax=rate(row.get("open_tax", 0.0)),
        close_tax=rate(row.get("close_tax", 0.0)),
        minimum=money(row.get("min_commission", 0.0)),
    )


def _rows(section: object) -> list[tuple[str, dict[str, float]]]:
    if not isinstance(section, dict):
        return []
    return [
        (str(key), {str(name): float(v) for name, v in row.items() if isinstance(v, int | float)})
        for key, row in section.items()
        if isinstance(row, dict)
    ]


def _plain(value: object) -> object:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


def _check_aliases(value: object) -> None:
    if not isinstance(value, dict):
        raise StrategyError(f"time_aliases={value!r} 无效", "写成 {'自定义词': '14:50'}")
    for expression in value.values():
        parse_time(expression)
