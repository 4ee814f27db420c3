"""The `data.` actions: quotes from memory, history and reference data from their own thread, subscriptions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from bullet_trade.domain.errors import BulletTradeError
from bullet_trade.market.codes import normalize
from bullet_trade.remote import body, features, tables
from bullet_trade.remote.errors import ErrorCode, RemoteError
from bullet_trade.remote.market import DaysQuery, HistoryQuery, ListQuery, SecurityQuery, SymbolsQuery
from bullet_trade.remote.tables import Table
from bullet_trade.remote.trading import read_payload
from bullet_trade.server import quote_desk, reference
from bullet_trade.server.history import table
from bullet_trade.server.history_desk import HistoryDesk
from bullet_trade.server.quote_desk import Quoted, QuoteDesk
from bullet_trade.server.refusals import harmless
from bullet_trade.server.reply import Reply
from bullet_trade.server.session import Session
from bullet_trade.server.tick_hub import TickHub

_history = msgspec.json.Decoder(HistoryQuery)
_security = msgspec.json.Decoder(SecurityQuery)
_days = msgspec.json.Decoder(DaysQuery)
_list = msgspec.json.Decoder(ListQuery)
_symbols = msgspec.json.Decoder(SymbolsQuery)


class DataActions:
    """The data module of the server. Methods are called on the event loop's thread and return at once."""

    def __init__(self, quotes: QuoteDesk, history: HistoryDesk, hub: TickHub) -> None:
        self._quotes = quotes
        self._history = history
        self._hub = hub
        self.table: dict[str, Callable[[Session, Reply, msgspec.Raw], None]] = {
            "data.snapshot": self.snapshot,
            "data.current_tick": self.snapshot,
            "data.live_current": self.live_current,
            "data.history": self.history,
            "data.trade_days": self.trade_days,
            "data.security_info": self.security_info,
            "data.ensure_cache": self.ensure_cache,
            "data.get_all_securities": self.all_securities,
            "data.get_index_stocks": self.index_stocks,
            "data.get_split_dividend": self.split_dividend,
            "data.subscribe": self.subscribe,
            "data.unsubscribe": self.unsubscribe,
            "data.unsubscribe_all": self.unsubscribe_all,
        }

    # -- quotes ----------------------------------------------------------------------------------------------------

    def snapshot(self, _: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`data.snapshot`, `data.current_tick`."""
        self._quote(reply, payload, self._snapshot)

    def live_current(self, _: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`data.live_current`."""
        self._quote(reply, payload, self._live)

    def _quote(self, reply: Reply, payload: msgspec.Raw, answer: Callable[[Reply, Quoted | None, str], None]) -> None:
        name = read_payload(_security, payload).name
        if not name:
            raise RemoteError(ErrorCode.REQUEST_FAILED, "缺少 security")
        code = normalize(name)
        young = self._quotes.young(code)
        if young is not None:
            answer(reply, young, "")
        else:
            self._quotes.ask(code, partial(answer, reply))

    def _snapshot(self, reply: Reply, quoted: Quoted | None, reason: str) -> None:
        if quoted is None and reason:
            reply.refuse(RemoteError(ErrorCode.REQUEST_FAILED, harmless(reason)))
        else:
            reply.answer(quote_desk.snapshot(quoted, self._quotes.owner.clock.now()))

    def _live(self, reply: Reply, quoted: Quoted | None, reason: str) -> None:
        if quoted is None:
            reply.refuse(RemoteError(ErrorCode.REQUEST_FAILED, harmless(reason or "没有该证券的实时行情")))
        else:
            reply.answer(quote_desk.live(quoted, self._quotes.owner.clock.now(), self._quotes.source))

    # -- history and reference data --------------------------------------------------------------------------------

    def history(self, session: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`data.history`."""
        query = read_payload(_history, payload)
        encode = _encoder(session, query.reads_indexed_panels)
        self._later(reply, lambda: encode(table(self._history.history, query)))

    def all_securities(self, session: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`data.get_all_securities`."""
        query = read_payload(_list, payload)
        encode, desk = _encoder(session, False), self._history
        self._later(reply, lambda: encode(reference.all_securities(desk.world.data, query, desk.today())))

    def trade_days(self, _: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`data.trade_days`."""
        query = read_payload(_days, payload)
        self._later(reply, lambda: reference.trade_days(self._history.world.calendar, query))

    def security_info(self, _: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`data.security_info`."""
        query = read_payload(_security, payload)
        self._later(reply, lambda: reference.security_info(self._history.world.data, query))

    def index_stocks(self, _: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`data.get_index_stocks`."""
        query, desk = read_payload(_list, payload), self._history
        self._later(reply, lambda: reference.index_members(desk.world.data, query, desk.today()))

    def split_dividend(self, _: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`data.get_split_dividend`."""
        query, desk = read_payload(_days, payload), self._history
        self._later(reply, lambda: reference.split_dividend(desk.world.data, desk.world.calendar, query, desk.today()))

    def ensure_cache(self, _: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`data.ensure_cache`."""
        reply.answer(reference.ensure_cache(read_payload(_days, payload)))

    def _later(self, reply: Reply, make: Callable[[], bytes]) -> None:
        self._history.owner.post(partial(_answer, reply, make))

    # -- ticks -----------------------------------------------------------------------------------------------------

    def subscribe(self, session: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`data.subscribe`."""
        reply.answer(body.encode({"count": self._hub.subscribe(session, read_payload(_symbols, payload).named or [])}))

    def unsubscribe(self, session: Session, reply: Reply, payload: msgspec.Raw) -> None:
        """`data.unsubscribe`; without a list everything."""
        left, removed = self._hub.unsubscribe(session, read_payload(_symbols, payload).named)
        reply.answer(body.encode({"count": left, "removed": removed}) if left or removed else b'{"count":0}')

    def unsubscribe_all(self, session: Session, reply: Reply, _: msgspec.Raw) -> None:
        """`data.unsubscribe_all`."""
        self.unsubscribe(session, reply, msgspec.Raw(b"{}"))


def _encoder(session: Session, indexed_panels: bool) -> Callable[[Table], bytes]:
    if features.PACKED_TABLES in session.agreed:
        return tables.packed
    return lambda made: tables.rows(made, index_for_two_levels=indexed_panels)


def _answer(reply: Reply, make: Callable[[], bytes]) -> None:
    try:
        if not reply.dead:
            reply.answer(make())
    except BulletTradeError as error:
        reply.refuse(RemoteError(ErrorCode.REQUEST_FAILED, harmless(str(error))))
    except Exception:
        reply.refuse(RemoteError(ErrorCode.REQUEST_FAILED, "服务端查询数据时发生错误，详见服务端日志"))
        raise
