"""Trade a real account from JoinQuant through `bullet-trade server`: upload this one file, needs nothing else.

    import bullet_trade_jq_remote_helper as bt

    bt.configure(host="10.0.0.8", port=58620, token="...", account_key="main")
    bt.order("000001.XSHE", 100, price=10.5)

or, with the strategy left as it is, `bt.configure(...)` and `bt.install(context)` in `process_initialize`.

Python 3.6 language and standard library only. Amounts are shares, prices and values yuan, times naive Beijing time,
durations seconds. One connection per call, no threads; nothing that JoinQuant pickles holds a socket.

An order is sent once. It is written down before it leaves; when its answer is lost, the server is asked what became of
it (by its key, else by its remark in the list of the day), and until that is known the security takes no new order.
"""

import contextlib
import difflib
import hashlib
import json
import logging
import math
import os
import re
import socket
import ssl
import struct
import sys
import time
import uuid
from collections import namedtuple
from datetime import datetime, timedelta, timezone
from typing import Callable, Iterable, Optional, Union

__version__ = "1.0"

PLACE = "broker.place_order"
CANCEL = "broker.cancel_order"
RESOLVE = "broker.resolve_submission"

FRAME_LIMIT = 32 * 1024 * 1024
BEIJING = timezone(timedelta(hours=8))
VIEW_AGE_S = 1.0
"""How long one answer about the account serves the properties of the portfolio."""
LARGEST_ORDER = 1000000
"""Shares. Deployed servers split what is larger, and tell the number of the first piece only."""
DAY_S = 86400.0
FAILED_S = 30.0
"""A server that said itself that an order failed, and whose list of the day lacks it this long after, has none."""
CANCEL_WAIT_S = 5.0
FEE_RATE, FEE_LEAST = 0.0003, 5.0
"""Kept back when a purchase is cut to the cash."""

FEATURES = ("server_time", "deadline")
"""Extensions of the protocol that are used where the server has them."""

CANCELLED = frozenset(("canceled", "cancelled", "partly_canceled", "partly_cancelled"))
FAILED = frozenset(("rejected", "failed", "error"))
FINAL = CANCELLED | FAILED | {"filled"}
NOT_KNOWN = frozenset(("submit_unknown", "reconciling", "unknown", "pending", ""))
UNKNOWN = "unknown"
"""Status of an order whose fate is open."""

# What deployed servers say when they refuse an order before the terminal has it, or the terminal does. The oldest give
# every refusal the code that also means "perhaps executed".
_REFUSALS = (
    "无可卖数量", "数量不足最小手数", "停牌，无法下单", "无法获取有效价格", "限价单缺少委托价格", "QMT 下单返回错误码",
    "超过额度限制", "买入订单金额低于最小值", "单笔订单金额超限", "当日交易次数超限", "当日交易金额超限",
    "持仓数量超限", "单只股票仓位超限", "idempotency_key 冲突", "idempotency_key 格式非法", "交易写请求缺少",
    "券商服务未启用", "未配置有效的 account_key",
)  # fmt: skip
_BEFORE_THE_BROKER = frozenset(
    (
        "AUTH_FAILED", "SERVER_BUSY", "UNSUPPORTED", "TOO_MANY_REQUESTS", "FORBIDDEN", "ACCOUNT_UNKNOWN",
        "ORDER_INVALID", "ORDER_RISK", "SUB_ACCOUNT_LIMIT", "REQUEST_EXPIRED",
        "IDEMPOTENCY_CONFLICT", "IDEMPOTENCY_CACHE_FULL", "QMT_UNAVAILABLE", "QMT_RECONNECTING",
        "TRADING_DISABLED", "QMT_NOT_READY", "ACCOUNT_NOT_CONFIGURED", "VIRTUAL_ACCOUNT_MISMATCH", "BAD_REQUEST",
        "DANGEROUS_OPERATION_DISABLED", "NOT_IMPLEMENTED", "HTTP_401", "HTTP_403",
    )
)  # fmt: skip
"""Codes of refusals before the broker hears of an order, unless the server says that it was called all the same. After
every other code but `ORDER_REJECTED` the order may exist."""
_NOT_IMPLEMENTED = "未实现"

_OPTIONS = {
    "strategy": "jq",
    "context": None,
    "tls": False,
    "tls_cert": None,
    "tls_fingerprint": None,
    "tls_server_name": None,
    "connect_timeout": 10.0,
    "rpc_timeout": 60.0,
    "retries": 2,
    "retry_interval": 0.5,
    "wait_timeout": 16.0,
    "place_order_timeout_margin": 30.0,
    "order_deadline": 30.0,
    "resolve_pauses": (0.0, 1.0, 3.0),
    "settle_seconds": 180.0,
    "market_buffer": 0.015,
    "max_lag": 600.0,
    "state_file": None,
    "read_file": None,
    "write_file": None,
    "g": None,
    "log": None,
}
"""What `configure` takes besides the address, with the defaults."""

_SECONDS = (
    "connect_timeout", "rpc_timeout", "retry_interval", "wait_timeout", "place_order_timeout_margin", "order_deadline",
    "settle_seconds", "market_buffer", "retries",
)  # fmt: skip


# -- errors ------------------------------------------------------------------------------------------------------------


class BridgeError(RuntimeError):
    """Something that the strategy has to know; `code` is stable, `text` Chinese."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"[{code}] {text}")
        self.code = code
        self.text = text

    def __reduce__(self) -> tuple:
        return type(self), (self.code, self.text)


class ConfigError(BridgeError):
    """A setting or an argument is wrong: correct the call."""


class NotSentError(BridgeError):
    """The server could not be reached: nothing was sent."""


class OrderRefusedError(BridgeError):
    """The order or cancel does not exist and will not: refused here, by the server or by the broker."""


class QueryError(BridgeError):
    """A question got no usable answer."""


class _LostError(Exception):
    """The request left, or may have left, and no answer came."""


class _RemoteError(Exception):
    """The server answered with an error frame."""

    def __init__(self, code: str, text: str, broker_called: Optional[bool]) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.broker_called = broker_called

    @property
    def definite(self) -> bool:
        """Whether nothing was executed for certain."""
        if self.broker_called is False or self.code == "ORDER_REJECTED":
            return True
        if self.code == "REQUEST_FAILED":
            return any(sign in self.text for sign in _REFUSALS)
        return self.code in _BEFORE_THE_BROKER and not self.broker_called


# -- values ------------------------------------------------------------------------------------------------------------


_STATUS_VALUES = {"open": 0, "filled": 1, "canceled": 2, "rejected": 3, "held": 4, "new": 8, UNKNOWN: -1}


class Status(str):
    """A JoinQuant order status: equal to its own text and to the member of that name of JoinQuant's `OrderStatus`."""

    @property
    def name(self) -> str:
        """The bare word."""
        return str(self)

    @property
    def value(self) -> int:
        """JoinQuant's number; -1 for `unknown`, which JoinQuant does not have."""
        return _STATUS_VALUES[str(self)]

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, getattr(other, "name", other)) is True

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def _joinquant_status(state: str, filled: int) -> Status:
    """JoinQuant's word for a state of the wire. There `filled` is a part only, the whole is `held`."""
    if state == "filled":
        word = "held"
    elif state in CANCELLED:
        word = "canceled"
    elif state in FAILED:
        word = "rejected"
    elif state in NOT_KNOWN:
        word = UNKNOWN
    else:
        word = "filled" if filled else "open"
    return Status(word)


class _Record:
    """Attributes given by name; shown like a dictionary."""

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.__dict__})"


class RemoteOrder(_Record):
    """An order. `price` is the average price of the fills (0.0 without any), `order_price` the limit or None.

    `status` is the wire's word (`filled`: completely), or JoinQuant's after `install` (`held`: completely); `unknown`
    where the fate is open. `state` is always the wire's word. `child_order_ids` are the numbers of all orders where the
    server split one that was too large for the exchange, else empty; amounts and state are those of all together.
    """


class RemoteTrade(_Record):
    """One fill: `trade_id`, `order_id`, `security`, `amount`, `price`, `time`, `commission`, `tax`, `is_buy`."""


class Position(_Record):
    """A holding. The server tells what may be sold, not why the rest may not: `locked_amount` and `today_amount` both
    are that rest. `init_time` is None where the server does not know it."""


def _position(security: str, row: Optional[dict] = None) -> Position:
    row = row or {}
    total = int(_number(row.get("amount")) or 0)
    sellable = _first(row, "closeable_amount", "available", "can_sell_amount", "sellable")
    sellable = total if sellable is None and total == 0 else int(sellable or 0)
    cost = _number(row.get("avg_cost")) or 0.0
    value = _number(row.get("market_value")) or 0.0
    price = _number(row.get("current_price")) or (value / total if total else 0.0)
    return Position(
        security=security,
        price=price,
        avg_cost=cost,
        acc_avg_cost=cost,
        hold_cost=cost,
        total_amount=total,
        closeable_amount=sellable,
        amount=sellable,
        sellable_amount=sellable,
        locked_amount=total - sellable,
        today_amount=total - sellable,
        value=value or price * total,
        init_time=_moment(row.get("buy_time") or row.get("init_time")),
        transact_time=_moment(row.get("last_buy_time") or row.get("transact_time")),
        side="long",
        pindex=0,
    )


class Positions(dict):
    """Holdings by code; a code that is not held gives an empty position, as on JoinQuant."""

    def __missing__(self, security: str) -> Position:
        return _position(security)


_AccountView = namedtuple("_AccountView", "taken account cash total positions")
_Verdict = namedtuple("_Verdict", "kind text code answer")
_ACCEPTED, _REFUSED, _DOUBTFUL = "accepted", "refused", "doubtful"


def _number(value: object) -> Optional[float]:
    """A finite number, None for everything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def _first(row: dict, *names: str) -> Optional[float]:
    """The first of the fields that holds a number; 0 is one."""
    for name in names:
        found = _number(row.get(name))
        if found is not None:
            return found
    return None


def _moment(value: object) -> Optional[datetime]:
    """Text, or seconds or milliseconds since 1970, as naive Beijing time; None where it is neither."""
    seconds = _number(value)
    if seconds is not None and seconds > 0:
        return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, BEIJING).replace(tzinfo=None)
    if isinstance(value, str):
        text = re.sub(r"([+-]\d\d:?\d\d|Z)$", "", value.strip()).replace("T", " ")
        for form in ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"):
            with contextlib.suppress(ValueError):
                return datetime.strptime(text, form)
    return None


def _beijing_now() -> datetime:
    return datetime.fromtimestamp(time.time(), BEIJING).replace(tzinfo=None)


_SUFFIXES = {"SZ": "XSHE", "SH": "XSHG"}


def _code(security: object) -> str:
    """The code with JoinQuant's suffix, which is what servers match holdings by."""
    found = re.match(r"^(\d{6})\.([A-Za-z]{2,4})$", str(security).strip())
    if found is None:
        raise ConfigError("ORDER_INVALID", f"证券代码 {security!r} 无效，要写成 000001.XSHE 或 600000.XSHG")
    suffix = found.group(2).upper()
    return f"{found.group(1)}.{_SUFFIXES.get(suffix, suffix)}"


def _whole(amount: object) -> int:
    """A number of shares, cut towards zero."""
    try:
        return int(float(amount))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise ConfigError("ORDER_INVALID", f"委托数量 {amount!r} 无效，要是一个数") from None


def _yuan(value: object, what: str) -> float:
    """A finite number of yuan; also a numpy number."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise ConfigError("ORDER_INVALID", f"{what} {value!r} 无效，要是一个数")
    return found


_Style = namedtuple("_Style", "market price")
"""How to trade: the limit, or for a market order the protection price or None."""


def _style(style: object, price: object = None) -> _Style:
    """From a price, None (market), or JoinQuant's style objects."""
    given = style if price is None else price
    if price is not None and style is not None:
        raise ConfigError("ORDER_INVALID", "style 和 price 只能给一个")
    if given is None:
        return _Style(True, None)
    name = type(given).__name__
    if name == "MarketOrderStyle":
        protect = getattr(given, "limit_price", None)
        return _Style(True, _positive_price(protect) if protect else None)
    if name == "LimitOrderStyle":
        return _Style(False, _positive_price(getattr(given, "limit_price", None)))
    if "Style" in name:
        raise ConfigError("ORDER_INVALID", f"不支持下单方式 {name}，请用市价或限价")
    return _Style(False, _positive_price(given))


def _positive_price(value: object) -> float:
    found = _yuan(value, "委托价格")
    if found <= 0:
        raise ConfigError("ORDER_INVALID", f"委托价格 {value!r} 无效，要大于 0")
    return round(found, 4)


# -- settings ----------------------------------------------------------------------------------------------------------


class Settings:
    """Where the server is and how to talk to it. Never shows the token."""

    def __init__(
        self,
        host: str,
        port: int,
        token: str,
        account_key: Optional[str],
        sub_account_id: Optional[str],
        options: dict,
    ) -> None:
        for name in options:
            if name not in _OPTIONS:
                near = difflib.get_close_matches(name, _OPTIONS, 1)
                hint = f"，是不是 {near[0]}？" if near else ""
                raise ConfigError("BT_CONFIG", f"configure 没有参数 {name}{hint}")
        if not host or not isinstance(host, str):
            raise ConfigError("BT_CONFIG", "没有给出 host：填 bullet-trade server 所在机器的地址")
        if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
            raise ConfigError("BT_CONFIG", f"port {port!r} 无效，要是 1 到 65535 的整数")
        if not token or not isinstance(token, str):
            raise ConfigError("BT_CONFIG", "没有给出 token：填服务端 --token 设置的令牌")
        self.host = host
        self.port = port
        self.token = token
        self.account_key = account_key or None
        self.sub_account_id = sub_account_id or None
        values = dict(_OPTIONS, **options)
        for name in _SECONDS:
            found = _number(values[name])
            if found is None or found < 0:
                raise ConfigError("BT_CONFIG", f"{name} {values[name]!r} 无效，要是不小于 0 的数")
        self.__dict__.update(values)
        if self.max_lag is not None and (_number(self.max_lag) or 0) <= 0:
            raise ConfigError("BT_CONFIG", f"max_lag {self.max_lag!r} 无效，要是大于 0 的秒数，或 None")
        pauses = self.resolve_pauses
        if not isinstance(pauses, (list, tuple)) or any((_number(one) or 0) < 0 for one in pauses):
            raise ConfigError("BT_CONFIG", f"resolve_pauses {pauses!r} 无效，要是一组秒数")
        label = re.sub(r"[^a-z0-9_-]", "", str(self.strategy).lower())[:11]
        if not label:
            raise ConfigError("BT_CONFIG", f"strategy {self.strategy!r} 无效，要用字母或数字，每个模拟盘一个")
        self.strategy = label
        self.encryption = _encryption(self)

    def __repr__(self) -> str:
        return f"Settings({self.where}, token=***)"

    @property
    def where(self) -> str:
        """Which account of which server."""
        return "{}:{}/{}/{}".format(self.host, self.port, self.account_key or "", self.sub_account_id or "")

    @property
    def state_path(self) -> str:
        """The file of the orders whose fate is open; one per strategy name."""
        return self.state_file or f"bullet_trade_state_{self.strategy}.json"


def _encryption(settings: Settings) -> Optional[ssl.SSLContext]:
    """TLS 1.2 or later: against the given certificate, the fingerprint, or the system's authorities."""
    cert, pin = settings.tls_cert, settings.tls_fingerprint
    if pin is not None:
        settings.tls_fingerprint = pin = str(pin).replace(":", "").replace(" ", "").lower()
        if not re.match(r"^[0-9a-f]{64}$", pin):
            raise ConfigError("BT_CONFIG", "tls_fingerprint 无效，要是证书 SHA-256 指纹的 64 位十六进制数")
    if not (settings.tls or cert or pin):
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if hasattr(made, "minimum_version"):
        made.minimum_version = ssl.TLSVersion.TLSv1_2
    else:  # Python 3.6
        made.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    if cert:
        text = cert.decode("ascii", "replace") if isinstance(cert, bytes) else str(cert)
        try:
            if "BEGIN CERTIFICATE" in text:
                made.load_verify_locations(cadata=text)
            else:
                made.load_verify_locations(cafile=text)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise ConfigError("BT_CONFIG", f"tls_cert 无法使用：{error}；给出证书文件的路径或 PEM 内容") from error
    elif pin:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE  # the fingerprint decides, see _Line
    else:
        made.load_default_certs()
    return made


# -- log ---------------------------------------------------------------------------------------------------------------


class _Voice:
    """Writes to JoinQuant's `log`, or to the standard log; never the token."""

    def __init__(self, log: object, token: str) -> None:
        self._log = log if log is not None else logging.getLogger("bullet_trade_jq")
        self._token = token

    def info(self, text: str) -> None:
        """Something to know."""
        self._say(("info",), text)

    def warn(self, text: str) -> None:
        """Something to look at."""
        self._say(("warning", "warn"), text)

    def error(self, text: str) -> None:
        """Something to act on."""
        self._say(("error",), text)

    def _say(self, names: Iterable[str], text: str) -> None:
        write = next((getattr(self._log, name) for name in names if hasattr(self._log, name)), None)
        if write is not None:
            write("[bullet-trade] " + self.clean(text))

    def clean(self, text: str) -> str:
        """`text` without the token."""
        return str(text).replace(self._token, "***")


# -- what must outlive the process -------------------------------------------------------------------------------------


class _Memory:
    """The orders that may exist and are not confirmed, written down before they leave.

    Kept through JoinQuant's `read_file`/`write_file`, in `g`, or in a local file.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._state = self._checked(self._load())
        self._save()

    # -- the unconfirmed orders --------------------------------------------------------------------------------------

    def open_ones(self, security: Optional[str] = None) -> list:
        """Entries of this account, oldest first."""
        return [
            entry
            for entry in self._state["unresolved"]
            if entry["where"] == self._settings.where and security in (None, entry["payload"]["security"])
        ]

    def others(self) -> int:
        """How many entries belong to another server or account."""
        return len(self._state["unresolved"]) - len(self.open_ones())

    def add(self, entry: dict) -> None:
        """Write down an order that is about to leave. Raises `ConfigError`: then it must not."""
        self._state["unresolved"].append(entry)
        try:
            self._save()
        except ConfigError:
            self._state["unresolved"].remove(entry)
            raise

    def drop(self, entry: dict) -> None:
        """Its fate is known. When that cannot be written, it is asked for once more after a restart."""
        if entry in self._state["unresolved"]:
            self._state["unresolved"].remove(entry)
            with contextlib.suppress(ConfigError):
                self._save()

    def mark_failed(self, entry: dict) -> None:
        """The server said itself that it failed."""
        entry["failed"] = True
        with contextlib.suppress(ConfigError):
            self._save()

    def starting_cash(self, total: float) -> float:
        """The account's value when it was first seen, in yuan."""
        known = self._state["starting_cash"]
        if self._settings.where not in known:
            known[self._settings.where] = total
            with contextlib.suppress(ConfigError):
                self._save()
        return known[self._settings.where]

    # -- where it is kept --------------------------------------------------------------------------------------------

    def _load(self) -> Optional[str]:
        settings = self._settings
        if settings.write_file is not None and settings.read_file is not None:
            return self._load_with(settings.read_file)
        if settings.g is not None:
            return getattr(settings.g, "bullet_trade_state", None)
        try:
            with open(settings.state_path, encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable("读取", error) from error

    def _load_with(self, read_file: Callable[[str], Union[bytes, str]]) -> Optional[str]:
        # The platform does not say which exception means "no such file".
        try:
            found = read_file(self._settings.state_path)
        except FileNotFoundError:
            return None
        except Exception as error:
            if re.search(r"no such file|not exist|not found|不存在|找不到", str(error), re.IGNORECASE):
                return None
            raise self._unusable("读取", error) from error
        return found.decode("utf-8") if isinstance(found, bytes) else found

    def _save(self) -> None:
        text = json.dumps(self._state, ensure_ascii=True, sort_keys=True)
        settings = self._settings
        try:
            if settings.write_file is not None and settings.read_file is not None:
                settings.write_file(settings.state_path, text)
            elif settings.g is not None:
                settings.g.bullet_trade_state = text
            else:
                fresh = settings.state_path + ".new"
                with open(fresh, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(fresh, settings.state_path)
        except Exception as error:
            raise self._unusable("写入", error) from error

    def _checked(self, text: Optional[str]) -> dict:
        if not text or not text.strip():
            return {"version": 1, "unresolved": [], "starting_cash": {}}
        try:
            state = json.loads(text)
            for entry in state["unresolved"]:
                float(entry["at"])
                _told(entry["payload"])
                ",".join((entry["key"], entry["remark"], entry["where"], entry["payload"]["security"]))
            dict(state["starting_cash"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                "STATE_UNUSABLE",
                f"状态文件 {self._settings.state_path} 已损坏（{error}）：在券商终端核对当日委托后，删除它再运行",
            ) from error
        return state

    def _unusable(self, verb: str, error: Exception) -> ConfigError:
        return ConfigError(
            "STATE_UNUSABLE",
            f"状态文件 {self._settings.state_path} 无法{verb}：{error}；没有它就不能下单。"
            "聚宽策略里请把 read_file、write_file 传给 configure",
        )


# -- one connection ----------------------------------------------------------------------------------------------------


class _Line:
    """A connection with a finished handshake. Every wait has a limit."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._until = time.monotonic() + settings.connect_timeout
        self._numbers = 0
        self._socket = self._connect()
        try:
            self._greet()
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def __enter__(self) -> "_Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, action: str, payload: dict, limit_s: float) -> object:
        """The answer's payload. Raises `_RemoteError`, or `_LostError` where nothing is known."""
        self._numbers += 1
        number = f"jq{self._numbers}"
        self._until = time.monotonic() + limit_s
        try:
            self._send({"type": "request", "id": number, "action": action, "payload": payload})
            while True:
                message = self._receive()
                kind = message.get("type")
                if kind == "error" and message.get("id") in (number, None):
                    raise _RemoteError(
                        str(message.get("code") or "REQUEST_FAILED"),
                        str(message.get("message") or ""),
                        message.get("broker_called"),
                    )
                if kind == "response" and message.get("id") == number:
                    return message.get("payload")
        except socket.timeout as error:
            raise _LostError(f"{limit_s:g} 秒没有应答") from error
        except (OSError, ValueError) as error:
            raise _LostError(f"连接中断：{error}") from error

    # -- opening -----------------------------------------------------------------------------------------------------

    def _connect(self) -> socket.socket:
        settings = self._settings
        try:
            raw = socket.create_connection((settings.host, settings.port), max(0.001, settings.connect_timeout))
        except OSError as error:
            raise NotSentError(
                "NOT_CONNECTED",
                f"连不上 {settings.host}:{settings.port}（{error}）：检查地址、端口、防火墙和服务端是否在运行",
            ) from error
        if settings.encryption is None:
            return raw
        try:
            raw.settimeout(self._left())
            made = settings.encryption.wrap_socket(raw, server_hostname=settings.tls_server_name or settings.host)
            self._check_pin(made)
        except (OSError, ValueError) as error:
            raw.close()
            raise NotSentError(
                "TLS_FAILED", f"TLS 握手失败（{error}）：检查证书、主机名，以及服务端是否启用了 TLS"
            ) from error
        except NotSentError:
            raw.close()
            raise
        return made

    def _check_pin(self, made: ssl.SSLSocket) -> None:
        pin = self._settings.tls_fingerprint
        if pin and hashlib.sha256(made.getpeercert(binary_form=True) or b"").hexdigest() != pin:
            made.close()
            raise NotSentError(
                "TLS_FAILED", "服务端证书的指纹与 tls_fingerprint 不符：可能连到了别的机器，没有发送令牌"
            )

    def _greet(self) -> None:
        settings = self._settings
        try:
            self._send(
                {"type": "handshake", "token": settings.token, "protocol": 1, "features": list(FEATURES)}
            )  # fmt: skip
            answer = self._receive()
        except (OSError, ValueError) as error:
            raise NotSentError(
                "NOT_CONNECTED",
                f"{settings.host}:{settings.port} 没有完成握手（{error}）："
                "检查端口是否正确、服务端是否要求 TLS、本机地址是否在服务端的白名单里",
            ) from error
        if answer.get("type") != "handshake_ack":
            code = str(answer.get("code") or "NOT_CONNECTED")
            hint = "：检查 token 是否与服务端一致" if code == "AUTH_FAILED" else ""
            text = str(answer.get("message") or "").replace(settings.token, "***")
            raise NotSentError(code, f"服务端拒绝连接：{text}{hint}")
        features = answer.get("features")
        self.features = frozenset(one for one in features if isinstance(one, str)) if features else frozenset()
        self._server_time = _moment(answer.get("server_time"))
        self._acknowledged = time.monotonic()

    def deadline(self, seconds: float) -> Optional[str]:
        """The server's time in `seconds`, None for a server that does not go by deadlines."""
        if "deadline" not in self.features or self._server_time is None:
            return None
        passed = time.monotonic() - self._acknowledged
        return (self._server_time + timedelta(seconds=passed + seconds)).strftime("%Y-%m-%d %H:%M:%S.%f")

    # -- frames ------------------------------------------------------------------------------------------------------

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise socket.timeout("超过时限")
        return left

    def _send(self, message: dict) -> None:
        body = json.dumps(message, ensure_ascii=False, allow_nan=False).encode("utf-8")
        self._socket.settimeout(self._left())
        self._socket.sendall(struct.pack(">I", len(body)) + body)

    def _receive(self) -> dict:
        size = struct.unpack(">I", self._exactly(4))[0]
        if not 0 < size <= FRAME_LIMIT:
            raise ValueError(f"报文长度 {size} 不对，对端不是 bullet-trade server")
        message = json.loads(self._exactly(size).decode("utf-8"))
        if not isinstance(message, dict):
            raise ValueError("报文不是 JSON 对象")  # noqa: TRY004 (handled like other bytes that make no sense)
        return message

    def _exactly(self, size: int) -> bytes:
        parts, missing = [], size
        while missing:
            self._socket.settimeout(self._left())
            part = self._socket.recv(min(missing, 1 << 20))
            if not part:
                raise OSError("对端关闭了连接")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)


# -- what answers prove ------------------------------------------------------------------------------------------------


def _judge_placed(answer: object) -> _Verdict:
    """An answer to an order."""
    if not isinstance(answer, dict):
        return _Verdict(_DOUBTFUL, "服务端的应答无法读取", "", None)
    status = str(answer.get("status") or "")
    number = _order_number(answer.get("order_id"))
    if status in FAILED:
        text = answer.get("status_msg") or answer.get("reason") or f"委托状态 {status}"
        return _Verdict(_REFUSED, str(text), "ORDER_REJECTED", answer)
    if status in NOT_KNOWN - {""} or not number:
        return _Verdict(_DOUBTFUL, str(answer.get("reason") or "服务端不知道委托的结果"), "", answer)
    return _Verdict(_ACCEPTED, "", "", answer)


def _judge_resolved(answer: object, entry: dict) -> _Verdict:
    """An answer to `broker.resolve_submission`; it counts only where it is about this very order."""
    if not isinstance(answer, dict):
        return _Verdict(_DOUBTFUL, "服务端的应答无法读取", "", None)
    if answer.get("idempotency_key") not in ("", None, entry["key"]):
        return _Verdict(_DOUBTFUL, "服务端的查询结果属于另一个请求", "", None)
    status = answer.get("status")
    if status == "rejected":
        reason = str(answer.get("reason") or "服务端拒绝")
        if reason == "never_received":
            return _Verdict(_REFUSED, "服务端没有收到这笔委托，此后也不会再执行", "NEVER_RECEIVED", answer)
        return _Verdict(_REFUSED, reason, "ORDER_REJECTED", answer)
    told = answer.get("resolved_result")
    if status != "accepted" or not isinstance(told, dict):
        return _Verdict(_DOUBTFUL, str(answer.get("reason") or "服务端还不知道委托的结果"), "", None)
    wanted = entry["payload"]
    same = (
        _order_number(answer.get("order_id"))
        and _same_code(told.get("security"), wanted["security"])
        and str(told.get("side") or told.get("direction") or "").upper() == wanted["side"]
        and told.get("amount") == wanted["amount"]
    )
    if not same:
        return _Verdict(_DOUBTFUL, "服务端的查询结果与委托不符", "", None)
    return _Verdict(_ACCEPTED, "", "", dict(told, order_id=answer["order_id"]))


def _rows_of(rows: Iterable[dict], entry: dict) -> list:
    """The rows of the day's list that carry the order's remark: several where the server has split it."""
    wanted = entry["payload"]
    return [
        row
        for row in rows
        if str(row.get("order_remark") or row.get("remark") or "").split("|")[-1].strip() == entry["remark"]
        and _same_code(row.get("security"), wanted["security"])
        and _order_number(row.get("order_id"))
    ]


def _order_number(value: object) -> str:
    """An order number, '' for what stands for none."""
    text = "" if value is None else str(value).strip()
    return "" if text.startswith(("-", "submit_unknown")) else text


def _same_code(told: object, wanted: str) -> bool:
    try:
        return _code(told) == wanted
    except ConfigError:
        return False


def _stand_in(key: str) -> str:
    """The order number that is told while no real one is known; servers make the same one."""
    return "submit_unknown:" + hashlib.sha256(key.encode("ascii")).hexdigest()[:24]


# -- orders from answers -----------------------------------------------------------------------------------------------


def _is_buy(row: dict) -> bool:
    side = str(row.get("side") or "").upper()
    if side in ("BUY", "SELL"):
        return side == "BUY"
    if isinstance(row.get("is_buy"), bool):
        return row["is_buy"]
    return row.get("order_type") != 24


def _made_order(**values: object) -> RemoteOrder:
    buying = values["is_buy"]
    made = RemoteOrder(
        side="long", action="open" if buying else "close", pindex=0, commission=0.0, style=None, **values
    )  # fmt: skip
    made.child_order_ids = list(values.get("child_order_ids") or ())
    made.status = made.state
    made.avg_cost = made.price
    return made


def _placed_order(entry: dict, answer: dict) -> RemoteOrder:
    """An order that the server has just accepted or found."""
    seen = answer.get("last_snapshot")
    seen = seen if isinstance(seen, dict) else {}
    state = str(answer.get("status") or "open")
    if state not in FINAL and seen.get("status"):
        state = str(seen["status"])
    amount = int(_first(seen, "amount") or _first(answer, "amount", "volume") or entry["payload"]["amount"])
    filled = _first(seen, "filled", "traded_volume")
    if filled is None:
        filled = _first(answer, "filled", "traded_volume")
    if filled is None:
        filled = amount if state == "filled" else 0
    limit = _first(answer, "order_price", "price")
    price = (_first(seen, "price") or limit or 0.0) if filled else 0.0
    return _made_order(
        order_id=_order_number(answer.get("order_id")),
        security=entry["payload"]["security"],
        is_buy=entry["payload"]["side"] == "BUY",
        amount=amount,
        filled=int(filled),
        price=price,
        order_price=limit,
        state=state,
        add_time=_moment(entry["at"]),
        remark=entry["remark"],
        message=str(answer.get("warning") or answer.get("status_msg") or ""),
        child_order_ids=[str(one) for one in answer.get("child_order_ids") or ()],
    )


def _found_answer(rows: list) -> dict:
    """The rows of one order as the answer to it: an old server may have split it."""
    first = rows[0]
    # A row's `price` is that of its fills, the limit is `order_price`.
    answer = dict(first, price=None, last_snapshot=first)
    if len(rows) == 1:
        return answer
    fills = [(_first(row, "filled", "traded_volume") or 0, _first(row, "price") or 0.0) for row in rows]
    filled = sum(shares for shares, _ in fills)
    ends = {str(row.get("status") or "open") for row in rows}
    if not ends <= FINAL:
        state = "filling" if filled else min(ends - FINAL)
    elif len(ends) == 1:
        state = ends.pop()
    else:
        state = "partly_canceled" if filled else "canceled"
    whole = dict(
        first,
        amount=sum(int(_first(row, "amount", "volume") or 0) for row in rows),
        filled=filled,
        price=sum(shares * price for shares, price in fills) / filled if filled else 0.0,
        status=state,
    )
    numbers = [_order_number(row["order_id"]) for row in rows]
    told = "服务端把它拆成 {} 笔，编号 {}".format(len(numbers), "、".join(numbers))
    return dict(answer, status=state, last_snapshot=whole, child_order_ids=numbers, warning=told)


def _unknown_order(entry: dict) -> RemoteOrder:
    """An order whose fate is open; its number stands in for the real one."""
    payload = entry["payload"]
    return _made_order(
        order_id=_stand_in(entry["key"]),
        security=payload["security"],
        is_buy=payload["side"] == "BUY",
        amount=payload["amount"],
        filled=0,
        price=0.0,
        order_price=payload["style"].get("price"),
        state=UNKNOWN,
        add_time=_moment(entry["at"]),
        remark=entry["remark"],
        message="结果未知",
    )


def _listed_order(row: dict) -> RemoteOrder:
    """A row of the day's list."""
    filled = int(_first(row, "filled", "traded_volume") or 0)
    return _made_order(
        order_id=_order_number(row.get("order_id")),
        security=_code_or_text(row.get("security")),
        is_buy=_is_buy(row),
        amount=int(_first(row, "amount", "volume") or 0),
        filled=filled,
        price=(_first(row, "price") or 0.0) if filled else 0.0,
        order_price=_first(row, "order_price"),
        state=str(row.get("status") or row.get("state") or "open"),
        add_time=_moment(row.get("order_time")),
        remark=str(row.get("order_remark") or row.get("remark") or ""),
        message=str(row.get("status_msg") or ""),
    )


def _listed_trade(row: dict) -> RemoteTrade:
    return RemoteTrade(
        trade_id=str(row.get("trade_id") or row.get("id") or row.get("trade_no") or ""),
        order_id=str(row.get("order_id") or row.get("entrust_id") or ""),
        security=_code_or_text(row.get("security")),
        amount=int(_first(row, "amount", "volume") or 0),
        price=_first(row, "price", "traded_price") or 0.0,
        time=_moment(row.get("time") or row.get("trade_time")),
        commission=_first(row, "commission", "commission_fee") or 0.0,
        tax=_first(row, "tax") or 0.0,
        is_buy=_is_buy(row),
    )


def _code_or_text(security: object) -> str:
    try:
        return _code(security)
    except ConfigError:
        return str(security or "")


# -- the bridge --------------------------------------------------------------------------------------------------------


class Bridge:
    """One account of one server. The module's functions work on the one that `configure` makes."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.voice = _Voice(settings.log, settings.token)
        self.context = settings.context
        self._view = None  # type: Optional[_AccountView]
        self._memory = _Memory(settings)
        if settings.encryption is None and settings.host not in ("127.0.0.1", "localhost", "::1"):
            self.voice.warn(
                "没有启用 TLS，令牌和委托以明文经过网络；建议服务端配置证书并设置 tls_cert 或 tls_fingerprint"
            )
        if self._memory.others():
            self.voice.warn(f"状态文件里还有 {self._memory.others()} 笔委托属于别的服务端或账户，结果未确认，请核对")

    # -- asking ------------------------------------------------------------------------------------------------------

    def _line(self) -> _Line:
        """A connection; tried again, since nothing was sent. Raises `NotSentError`."""
        tries = int(self.settings.retries)
        while True:
            try:
                return _Line(self.settings)
            except NotSentError as error:
                # A wrong token is not tried again: the server locks out who insists.
                if tries <= 0 or error.code not in ("NOT_CONNECTED", "SERVER_BUSY"):
                    raise
            tries -= 1
            time.sleep(self.settings.retry_interval)

    def _read(self, *wanted: tuple) -> list:
        """The answers to some questions (action, further fields) over one connection. Raises `BridgeError`."""
        tries = int(self.settings.retries)
        while True:
            try:
                with self._line() as line:
                    return [
                        line.ask(action, self._addressed(more), self.settings.rpc_timeout) for action, more in wanted
                    ]
            except _RemoteError as error:
                raise QueryError(error.code, self.voice.clean(error.text)) from error
            except _LostError as error:
                if tries <= 0:
                    raise QueryError("NO_ANSWER", f"查询 {wanted[0][0]} 没有应答：{error}") from error
            tries -= 1
            time.sleep(self.settings.retry_interval)

    def _addressed(self, more: dict) -> dict:
        settings = self.settings
        return dict({"account_key": settings.account_key, "sub_account_id": settings.sub_account_id}, **more)

    def _rows(self, action: str, more: dict) -> list:
        (answer,) = self._read((action, more))
        return _listed(action, answer)

    # -- reading -----------------------------------------------------------------------------------------------------

    def view(self, max_age: float = VIEW_AGE_S) -> _AccountView:
        """The account, at most `max_age` seconds old. Raises `QueryError`; never an empty account instead."""
        if self._view is None or time.monotonic() - self._view.taken > max_age:
            account, rows = self._read(("broker.account", {}), ("broker.positions", {}))
            value = account.get("value") or account if isinstance(account, dict) else {}
            cash = _first(value, "available_cash")
            if cash is None:
                raise QueryError("BAD_ANSWER", "服务端没有给出可用资金，稍后再试，或检查服务端的交易终端")
            held = Positions()
            for row in _listed("broker.positions", rows.get("positions") if isinstance(rows, dict) else rows):
                made = _position(_code_or_text(row.get("security")), row)
                if made.total_amount:
                    held[made.security] = made
            total = _first(value, "total_value", "total_asset")
            if total is None:
                total = cash + sum(one.value for one in held.values())
            self._view = _AccountView(time.monotonic(), value, cash, total, held)
        return self._view

    def forget_view(self) -> None:
        """What was read of the account no longer holds."""
        self._view = None

    def starting_cash(self) -> float:
        """The account's value when this strategy first saw it, in yuan."""
        return self._memory.starting_cash(self.view().total)

    def orders(self, order_id: Optional[object] = None, security: Optional[str] = None) -> dict:
        """Today's orders by number, with those whose fate is open."""
        self.settle()
        more = {}
        if security is not None:
            security = more["security"] = _code(security)
        if order_id is not None:
            more["order_id"] = str(getattr(order_id, "order_id", order_id))
        found = [_listed_order(row) for row in self._rows("broker.orders", more)]
        found += [_unknown_order(entry) for entry in self._memory.open_ones(security)]
        wanted = more.get("order_id")
        return {one.order_id: one for one in found if one.order_id and wanted in (None, one.order_id)}

    def trades(self, order_id: Optional[object] = None, security: Optional[str] = None) -> dict:
        """Today's trades by number."""
        more = {}
        if security is not None:
            more["security"] = _code(security)
        if order_id is not None:
            more["order_id"] = str(getattr(order_id, "order_id", order_id))
        found = [_listed_trade(row) for row in self._rows("broker.trades", more)]
        return {one.trade_id: one for one in found}

    def last_price(self, security: str) -> float:
        """The latest price in yuan. Raises `QueryError` where the server knows none."""
        code = _code(security)
        for action in ("data.snapshot", "data.live_current"):
            (answer,) = self._read((action, {"security": code}))
            found = _first(answer, "last_price", "lastPrice", "price") if isinstance(answer, dict) else None
            if found is not None and found > 0:
                return found
        raise QueryError("NO_PRICE", f"服务端没有 {code} 的最新价，无法按金额计算数量；可改用限价")

    # -- placing -----------------------------------------------------------------------------------------------------

    def place(self, security: str, shares: int, style: _Style, wait_timeout: Optional[float] = None) -> RemoteOrder:
        """Send one order; `shares` below zero sell. Raises `BridgeError` where it certainly does not exist."""
        self._check_run()
        self._check_unresolved(security)
        settings = self.settings
        wait_s = settings.wait_timeout if wait_timeout is None else max(0.0, _yuan(wait_timeout, "wait_timeout"))
        entry = self._entry(security, shares, style, wait_s)
        self._memory.add(entry)
        self.forget_view()
        try:
            line = self._line()
        except NotSentError:
            self._memory.drop(entry)
            raise
        limit_s = max(settings.rpc_timeout, wait_s + settings.place_order_timeout_margin)
        with line:
            deadline = line.deadline(settings.order_deadline)
            payload = dict(entry["payload"], deadline=deadline) if deadline else entry["payload"]
            # What an old server says of an order that it splits is about one piece.
            of_one_piece = abs(shares) > LARGEST_ORDER and deadline is None
            try:
                verdict = _judge_placed(line.ask(PLACE, payload, limit_s))
                if of_one_piece and verdict.kind == _ACCEPTED:
                    verdict = self._all_pieces(line, entry, verdict)
                elif of_one_piece:
                    verdict = verdict._replace(kind=_DOUBTFUL)
            except _RemoteError as error:
                verdict = self._judge_error(error, entry)
                if of_one_piece and error.broker_called is not False:
                    verdict = verdict._replace(kind=_DOUBTFUL)
            except _LostError as error:
                verdict = _Verdict(_DOUBTFUL, str(error), "", None)
        if verdict.kind == _DOUBTFUL:
            verdict = self._pursue(entry, verdict)
        return self._conclude(entry, verdict)

    def _all_pieces(self, line: _Line, entry: dict, verdict: _Verdict) -> _Verdict:
        """What an old server made of an order that it has split."""
        try:
            rows = _listed("broker.orders", line.ask("broker.orders", self._addressed({}), self.settings.rpc_timeout))
        except (BridgeError, _LostError, _RemoteError) as error:
            self.voice.warn("{} 可能被服务端拆成多笔，其余编号没有查到：{}".format(_told(entry["payload"]), error))
            return verdict
        found = _rows_of(rows, entry)
        return _Verdict(_ACCEPTED, "", "", _found_answer(found)) if len(found) > 1 else verdict

    def _entry(self, security: str, shares: int, style: _Style, wait_s: float) -> dict:
        unique = uuid.uuid4().hex
        remark = f"bt:{self.settings.strategy}:{unique[-8:]}"  # terminals keep 24 characters
        key = "bt-helper-" + unique[:24]
        detail = {"type": "market" if style.market else "limit"}
        if style.price is not None:
            detail["protect_price" if style.market else "price"] = style.price
        payload = self._addressed(
            {
                "security": security,
                "side": "BUY" if shares > 0 else "SELL",
                "amount": abs(shares),
                "style": detail,
                "idempotency_key": key,
                "wait_timeout": wait_s,
                "order_remark": remark,
            }
        )
        if style.market:
            payload["market"] = True
        return {
            "key": key,
            "remark": remark,
            "where": self.settings.where,
            "at": time.time(),
            "failed": False,
            "payload": payload,
        }

    def _judge_error(self, error: _RemoteError, entry: dict) -> _Verdict:
        text = self.voice.clean(error.text)
        if error.definite:
            return _Verdict(_REFUSED, text, error.code, None)
        if error.code == "REQUEST_FAILED":
            self._memory.mark_failed(entry)
        return _Verdict(_DOUBTFUL, text, error.code, None)

    def _conclude(self, entry: dict, verdict: _Verdict) -> RemoteOrder:
        name = _told(entry["payload"])
        self.forget_view()
        if verdict.kind == _DOUBTFUL:
            self.voice.error(
                "{} 结果未知（{}）：不会重发；在查清之前，{} 不再接受新委托。请在券商终端核对，备注 {}".format(
                    name, verdict.text, entry["payload"]["security"], entry["remark"]
                )
            )
            return _unknown_order(entry)
        self._memory.drop(entry)
        if verdict.kind == _REFUSED:
            raise OrderRefusedError(verdict.code, f"{name} 没有成功：{verdict.text}")
        made = _placed_order(entry, verdict.answer)
        if verdict.answer.get("warning"):
            self.voice.warn("{}：{}".format(name, verdict.answer["warning"]))
        if made.state in CANCELLED:
            self.voice.warn(f"{name} 已被撤销，成交 {made.filled} 股")
        self.voice.info(f"{name} 编号 {made.order_id}，状态 {made.state}，成交 {made.filled} 股")
        return made

    def _check_run(self) -> None:
        """A back-test, or a simulation that catches up with days gone by, must not trade today."""
        context = self.context
        if context is None:
            return
        kind = getattr(getattr(context, "run_params", None), "type", "sim_trade")
        if kind != "sim_trade":
            raise OrderRefusedError("NOT_SIM_TRADE", f"运行类型是 {kind}，只有模拟盘（sim_trade）可以下真实委托")
        at, limit_s = getattr(context, "current_dt", None), self.settings.max_lag
        if limit_s is None or not isinstance(at, datetime):
            return
        now = _beijing_now()
        if abs((now - at).total_seconds()) > limit_s:
            raise OrderRefusedError(
                "STALE_RUN",
                f"策略时间 {at:%Y-%m-%d %H:%M:%S} 与现在 {now:%Y-%m-%d %H:%M:%S} 相差超过 {limit_s:g} 秒"
                "（模拟盘在补跑），没有下单",
            )

    # -- finding out -------------------------------------------------------------------------------------------------

    def settle(self, security: Optional[str] = None) -> list:
        """Ask after every order whose fate is open; returns those whose fate still is."""
        for entry in self._memory.open_ones(security):
            self._find_again(entry)
        return [_unknown_order(entry) for entry in self._memory.open_ones(security)]

    def give_up(self, order_or_id: object) -> bool:
        """The operator has looked: stop asking after this order. Whether it was one of those."""
        number = str(getattr(order_or_id, "order_id", order_or_id))
        for entry in self._memory.open_ones():
            if number in (_stand_in(entry["key"]), entry["remark"]):
                self._memory.drop(entry)
                self.voice.warn("{} 由操作者确认处理完毕，不再追查".format(_told(entry["payload"])))
                return True
        return False

    def _check_unresolved(self, security: str) -> None:
        left = self.settle(security) if self._memory.open_ones(security) else []
        if left:
            raise OrderRefusedError(
                "UNRESOLVED",
                f"{security} 还有结果未知的委托（备注 {left[0].remark}），查清之前不下新单；"
                f"在券商终端核对后可调用 bt.give_up('{left[0].remark}')",
            )

    def _find_again(self, entry: dict) -> Optional[RemoteOrder]:
        verdict = self._find_out(entry)
        name = _told(entry["payload"])
        if verdict.kind == _DOUBTFUL:
            return None
        self._memory.drop(entry)
        self.forget_view()
        if verdict.kind == _REFUSED:
            self.voice.warn(f"此前结果未知的{name}已查清：没有成功（{verdict.text}）")
            return None
        made = _placed_order(entry, verdict.answer)
        numbers = "、".join(made.child_order_ids) or made.order_id
        self.voice.warn(f"此前结果未知的{name}已查清：编号 {numbers}，状态 {made.state}")
        return made

    def _pursue(self, entry: dict, doubtful: _Verdict) -> _Verdict:
        """Ask a few times after an order whose answer was lost just now."""
        for pause_s in self.settings.resolve_pauses:
            time.sleep(pause_s)
            found = self._find_out(entry)
            if found.kind != _DOUBTFUL:
                return found
        return doubtful

    def _find_out(self, entry: dict) -> _Verdict:
        """What became of an order: by its key, else by its remark in the list of the day. Reads only."""
        limit_s = self.settings.rpc_timeout
        try:
            with self._line() as line:
                ours = "deadline" in line.features
                verdict = self._resolve(line, entry, limit_s)
                if verdict.kind != _DOUBTFUL:
                    return verdict
                rows = _listed("broker.orders", line.ask("broker.orders", self._addressed({}), limit_s))
        except (BridgeError, _LostError, _RemoteError) as error:
            self.voice.warn("查询{}的结果失败：{}".format(_told(entry["payload"]), error))
            return _Verdict(_DOUBTFUL, str(error), "", None)
        found = _rows_of(rows, entry)
        if found:
            answer = _found_answer(found)
            if answer.get("status") in FAILED:
                text = str(answer.get("status_msg") or "委托状态 {}".format(answer["status"]))
                return _Verdict(_REFUSED, text, "ORDER_REJECTED", answer)
            return _Verdict(_ACCEPTED, "", "", answer)
        # Our own servers say themselves when an order does not exist; of others the list tells, after a while.
        patience_s = FAILED_S if entry.get("failed") else self.settings.settle_seconds
        if time.time() - entry["at"] >= (DAY_S if ours else patience_s):
            return _Verdict(_REFUSED, "当日委托列表里始终没有它", "NEVER_RECEIVED", None)
        return verdict

    def _resolve(self, line: _Line, entry: dict, limit_s: float) -> _Verdict:
        asked = {"idempotency_key": entry["key"], "write_action": PLACE, "request_payload": entry["payload"]}
        try:
            return _judge_resolved(line.ask(RESOLVE, self._addressed(asked), limit_s), entry)
        except _RemoteError as error:
            if _NOT_IMPLEMENTED not in error.text:
                self.voice.warn("查询{}的结果失败：{}".format(_told(entry["payload"]), error.text))
            return _Verdict(_DOUBTFUL, self.voice.clean(error.text), "", None)

    # -- cancelling --------------------------------------------------------------------------------------------------

    def cancel(self, order_or_id: object) -> dict:
        """Cancel an order, all its pieces where it was split: `value` is True only with proof."""
        done, refusal = {}, None
        # By the first number our own server stops the others too; to ask once more does no harm.
        for number in self._real_numbers(order_or_id):
            try:
                more = self._cancel_one(number)
                done = _later_cancel(done, more) if done else more
            except OrderRefusedError as error:
                refusal = error
        if refusal is None:
            return done
        if not done:
            raise refusal
        self.voice.error(str(refusal))
        return dict(done, value=False, success=False, cancel_outcome="unknown", reason=refusal.text)

    def _cancel_one(self, number: str) -> dict:
        """Sent again when the line breaks: that can do no harm."""
        payload = self._addressed({"order_id": number, "idempotency_key": "bt-helper-c-" + uuid.uuid4().hex[:24]})
        answer = {}
        for attempt in range(int(self.settings.retries) + 1):
            if attempt:
                time.sleep(self.settings.retry_interval)
            try:
                with self._line() as line:
                    ours = "deadline" in line.features
                    if number.startswith("submit_unknown:") and not ours:
                        raise OrderRefusedError(
                            "UNRESOLVED", f"委托 {number} 的结果未知，还没有编号可以撤单；请在券商终端处理"
                        )
                    more = {"wait_timeout": CANCEL_WAIT_S} if ours else {}
                    got = line.ask(CANCEL, dict(payload, **more), self.settings.rpc_timeout)
                answer = got if isinstance(got, dict) else {}
                break
            except _RemoteError as error:
                text = self.voice.clean(error.text)
                if error.definite:
                    raise OrderRefusedError(error.code, f"撤单 {number} 没有成功：{text}") from error
                answer = {"reason": text}
                break
            except _LostError as error:
                answer = {"reason": str(error)}
        self.forget_view()
        return self._judged_cancel(number, answer)

    def _real_numbers(self, order_or_id: object) -> list:
        """The broker's numbers of an order; our own server understands the one that stands in for them too."""
        number = str(getattr(order_or_id, "order_id", order_or_id))
        for entry in self._memory.open_ones():
            if _stand_in(entry["key"]) == number:
                found = self._find_again(entry)
                if found is not None:
                    return found.child_order_ids or [found.order_id]
                if entry not in self._memory.open_ones():
                    raise OrderRefusedError("NEVER_RECEIVED", f"委托 {number} 没有成功，不用撤单")
        return getattr(order_or_id, "child_order_ids", None) or [number]

    def _judged_cancel(self, number: str, answer: dict) -> dict:
        seen = answer.get("last_snapshot")
        word = str((seen.get("status") if isinstance(seen, dict) else None) or answer.get("status") or "")
        if word not in FINAL:
            word = self._state_of(number) or word
        cancelled = word in CANCELLED
        if not cancelled:
            self.voice.warn(
                "撤单 {} 尚未证实，委托状态 {}：{}".format(number, word or UNKNOWN, answer.get("reason") or "")
            )
        outcome = "cancelled" if cancelled else "not_canceled_already_terminal" if word in FINAL else "unknown"
        return dict(
            answer,
            order_id=number,
            value=cancelled,
            success=cancelled,
            status=UNKNOWN if word in NOT_KNOWN else word,
            cancel_outcome=outcome,
        )

    def _state_of(self, number: str) -> str:
        try:
            (row,) = self._read(("broker.order_status", {"order_id": number}))
        except BridgeError as error:
            self.voice.warn(f"查询委托 {number} 失败：{error}")
            return ""
        return str(row.get("status") or "") if isinstance(row, dict) else ""

    # -- sizes -------------------------------------------------------------------------------------------------------

    def order(
        self,
        security: str,
        amount: float,
        style: _Style,
        wait_timeout: Optional[float] = None,
        fit: bool = False,
    ) -> Optional[RemoteOrder]:
        """`amount` shares more, below zero less. `fit` cuts to the cash and to what may be sold, as JoinQuant does."""
        code, shares = _code(security), _whole(amount)
        if fit and shares:
            shares = self._sellable(code, shares) if shares < 0 else self._affordable(code, shares, style)
        if shares == 0:
            self.voice.warn(f"{code} 委托数量为 0，没有下单")
            return None
        return self.place(code, shares, style, wait_timeout)

    def order_value(
        self, security: str, value: float, style: _Style, wait_timeout: Optional[float] = None
    ) -> Optional[RemoteOrder]:
        """For `value` yuan more."""
        code = _code(security)
        shares = _whole(_yuan(value, "委托金额") / self._price(code, style))
        return self.order(code, shares, style, wait_timeout, fit=True)

    def order_target(
        self, security: str, amount: float, style: _Style, wait_timeout: Optional[float] = None
    ) -> Optional[RemoteOrder]:
        """Until `amount` shares are held."""
        code, wanted = _code(security), _whole(amount)
        if wanted < 0:
            raise ConfigError("ORDER_INVALID", f"目标数量 {amount!r} 无效，不能小于 0")
        self._clear_way(code)
        held = self.view(0.0).positions[code].total_amount
        return self.order(code, wanted - held, style, wait_timeout, fit=True)

    def order_target_value(
        self, security: str, value: float, style: _Style, wait_timeout: Optional[float] = None
    ) -> Optional[RemoteOrder]:
        """Until `value` yuan are held."""
        code, wanted = _code(security), _yuan(value, "目标金额")
        if wanted <= 0:
            return self.order_target(code, 0, style, wait_timeout)
        self._clear_way(code)
        price = self._price(code, style)
        held = self.view(0.0).positions[code].total_amount
        return self.order(code, _whole((wanted - held * price) / price), style, wait_timeout, fit=True)

    def worth(self, fraction: float) -> float:
        """That part of the account's value, in yuan."""
        return self.view(0.0).total * _yuan(fraction, "比例")

    def _price(self, code: str, style: _Style) -> float:
        return style.price if style.price is not None and not style.market else self.last_price(code)

    def _sellable(self, code: str, shares: int) -> int:
        most = self.view().positions[code].closeable_amount
        if -shares > most:
            self.voice.info(f"{code} 卖出 {-shares} 股，可卖 {most} 股，按可卖数量")
        if most <= 0:
            raise OrderRefusedError("NOTHING_SELLABLE", f"{code} 没有可卖数量（今日买入、或被未完成的卖单占用）")
        return max(shares, -most)

    def _affordable(self, code: str, shares: int, style: _Style) -> int:
        """A market order freezes cash at a price above the last one; beyond the cash the broker refuses it whole."""
        price = style.price if style.price is not None else self.last_price(code) * (1 + self.settings.market_buffer)
        cash = self.view().cash
        most = int(max(0.0, cash - FEE_LEAST) / (price * (1 + FEE_RATE)))
        if shares > most:
            self.voice.info(f"{code} 买入 {shares} 股，可用资金 {cash:.2f} 元够 {most} 股，按资金")
        if most <= 0:
            raise OrderRefusedError("NO_CASH", f"可用资金 {cash:.2f} 元，不够买入 {code}")
        return min(shares, most)

    def _clear_way(self, code: str) -> None:
        """JoinQuant cancels unfinished orders of the security before it trades to a target; only this strategy's."""
        self._check_run()
        mine = f"bt:{self.settings.strategy}:"
        for one in list(self.orders(security=code).values()):
            if one.state in FINAL or not one.remark.split("|")[-1].strip().startswith(mine):
                continue
            if one.state == UNKNOWN:
                self._check_unresolved(code)
                self._clear_way(code)
                return
            if self.cancel(one.order_id)["cancel_outcome"] == "unknown":
                raise OrderRefusedError("CANCEL_UNCONFIRMED", f"{code} 的未完成委托 {one.order_id} 没有撤掉，不下新单")


def _later_cancel(done: dict, more: dict) -> dict:
    """Two pieces of one order: the cancel is proved when both have ended and one of them by it."""
    outcomes = {done["cancel_outcome"], more["cancel_outcome"]}
    words = ("unknown", "cancelled", "not_canceled_already_terminal")
    outcome = next(word for word in words if word in outcomes)
    worse = more if more["cancel_outcome"] == outcome != done["cancel_outcome"] else done
    proved = outcome == "cancelled"
    return dict(worse, order_id=done["order_id"], cancel_outcome=outcome, value=proved, success=proved)


def _told(payload: dict) -> str:
    style = payload["style"]
    price = style.get("price") if style["type"] == "limit" else None
    return "{}{} {} 股（{}）".format(
        "买入" if payload["side"] == "BUY" else "卖出",
        payload["security"],
        payload["amount"],
        "市价" if price is None else f"限价 {price:g}",
    )


def _listed(action: str, answer: object) -> list:
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise QueryError("BAD_ANSWER", f"服务端对 {action} 的应答不是列表")
    return answer


# -- the portfolio after a takeover ------------------------------------------------------------------------------------


class RemotePortfolio:
    """Stands in for `context.portfolio`: every property is read from the server, at most a second old.

    Holds nothing, so that JoinQuant can save it with the context. Raises `BridgeError` when the account cannot be read.
    """

    type = "stock"
    margin = 0.0

    def __reduce__(self) -> tuple:
        return RemotePortfolio, ()

    @property
    def positions(self) -> Positions:
        """Holdings by code; a copy that does not change while it is walked over."""
        return Positions(_bridge().view().positions)

    long_positions = positions

    @property
    def short_positions(self) -> Positions:
        """None on a stock account."""
        return Positions()

    @property
    def available_cash(self) -> float:
        """Cash that can be used for buying."""
        return _bridge().view().cash

    cash = available_cash

    @property
    def transferable_cash(self) -> float:
        """Cash that can be withdrawn, as far as the server tells it apart."""
        view = _bridge().view()
        found = _first(view.account, "transferable_cash")
        return view.cash if found is None else found

    @property
    def locked_cash(self) -> float:
        """Cash frozen by open purchases, 0.0 where the server does not tell."""
        return _first(_bridge().view().account, "locked_cash", "frozen_cash") or 0.0

    @property
    def total_value(self) -> float:
        """Cash and holdings."""
        return _bridge().view().total

    portfolio_value = total_value

    @property
    def positions_value(self) -> float:
        """Market value of the holdings."""
        return sum(one.value for one in _bridge().view().positions.values())

    @property
    def starting_cash(self) -> float:
        """The account's value when this strategy first saw it."""
        return _bridge().starting_cash()

    inout_cash = starting_cash

    @property
    def returns(self) -> float:
        """Return since then."""
        started = self.starting_cash
        return self.total_value / started - 1 if started else 0.0


# -- takeover ----------------------------------------------------------------------------------------------------------

_MISSING = object()

_FORBIDDEN = (
    "inout_cash", "transfer_cash", "margincash_open", "margincash_close", "margincash_direct_refund", "marginsec_open",
    "marginsec_close", "marginsec_direct_refund", "purchase", "redeem",
)  # fmt: skip
"""Functions that would move the simulated account and have no counterpart here."""


class _Takeover:
    """JoinQuant's order functions and portfolio, replaced in a strategy's names; `undo` puts them back."""

    def __init__(self, bridge: Bridge, context: object, spaces: list) -> None:
        self._bridge = bridge
        self._context = context
        self._saved = []
        self._before = {}
        functions = self._functions()
        for space in spaces:
            # The platform's functions may have further names in the strategy: buy = order_value.
            own = {id(space[name]): function for name, function in functions.items() if name in space}
            aliases = {name: own[id(held)] for name, held in space.items() if id(held) in own}
            for name, function in dict(aliases, **functions).items():
                self._saved.append((space, name, space.get(name, _MISSING)))
                space[name] = function
        try:
            self._shadow()
        except Exception:
            self.undo()
            raise

    def undo(self, context: object = None) -> None:
        """JoinQuant's own functions and portfolio again."""
        for space, name, before in reversed(self._saved):
            if before is _MISSING:
                space.pop(name, None)
            else:
                space[name] = before
        self._saved = []
        _unshadow(self._context if context is None else context, self._before)

    def _shadow(self) -> None:
        view = RemotePortfolio()
        self._before = {name: getattr(self._context, name, _MISSING) for name in ("portfolio", "subportfolios")}
        try:
            self._context.portfolio = view
        except Exception as error:
            raise ConfigError("BT_CONFIG", f"无法替换 context.portfolio：{error}；请改用显式调用") from error
        if self._context.portfolio is not view:
            raise ConfigError("BT_CONFIG", "context.portfolio 没有被替换；请改用显式调用")
        with contextlib.suppress(AttributeError):
            self._context.subportfolios = [view]

    # -- the functions -----------------------------------------------------------------------------------------------

    def _functions(self) -> dict:
        bridge = self._bridge
        table = {
            "order": lambda code, amount, style: bridge.order(code, amount, style, fit=True),
            "order_value": bridge.order_value,
            "order_target": bridge.order_target,
            "order_target_value": bridge.order_target_value,
            "order_percent": lambda code, part, style: bridge.order_value(code, bridge.worth(part), style),
            "order_target_percent": lambda code, part, style: bridge.order_target_value(
                code, bridge.worth(part), style
            ),
        }
        made = {name: self._trading(name, act) for name, act in table.items()}
        made.update({name: self._forbidden(name) for name in _FORBIDDEN})
        made["cancel_order"] = self._cancel
        made["get_open_orders"] = self._open_orders
        made["get_orders"] = self._orders
        made["get_trades"] = self._trades
        made["batch_submit_orders"] = self._batch(made["order"])
        made["batch_cancel_orders"] = lambda orders: [self._cancel(one) for one in orders]
        return made

    def _trading(self, name: str, act: Callable[..., Optional[RemoteOrder]]) -> Callable[..., Optional[RemoteOrder]]:
        def function(
            security: str,
            amount: float,
            style: object = None,
            side: str = "long",
            pindex: int = 0,
            close_today: bool = False,
        ) -> Optional[RemoteOrder]:
            try:
                if side != "long" or pindex != 0 or close_today:
                    raise ConfigError("ORDER_INVALID", "只支持 side='long'、pindex=0 的股票账户")
                return _in_joinquant_words(act(security, amount, _style(style)))
            except BridgeError as error:
                self._bridge.voice.error(f"{name}({security!r}, {amount!r}) 没有下单：{error}")
                return None

        function.__name__ = name
        return function

    def _batch(self, order: Callable[..., Optional[RemoteOrder]]) -> Callable[[list], list]:
        def batch_submit_orders(orders: list) -> list:
            made = [order(**one) for one in orders]
            return [one for one in made if one is not None]

        return batch_submit_orders

    def _forbidden(self, name: str) -> Callable[..., None]:
        def function(*_: object, **__: object) -> None:
            self._bridge.voice.error(f"[UNSUPPORTED] 接管期间不支持 {name}，没有执行")

        function.__name__ = name
        return function

    def _cancel(self, order: object) -> Optional[RemoteOrder]:
        try:
            done = self._bridge.cancel(order)
            found = self._bridge.orders(order_id=done["order_id"]).get(done["order_id"])
        except BridgeError as error:
            self._bridge.voice.error(f"cancel_order 没有成功：{error}")
            return None
        return _in_joinquant_words(found)

    def _orders(self, order_id: Optional[object] = None, security: Optional[str] = None, status: object = None) -> dict:
        found = {key: _in_joinquant_words(one) for key, one in self._bridge.orders(order_id, security).items()}
        return {key: one for key, one in found.items() if status is None or one.status == status}

    def _open_orders(self) -> dict:
        return {key: one for key, one in self._orders().items() if one.state not in FINAL}

    def _trades(self, order_id: Optional[object] = None, security: Optional[str] = None) -> dict:
        return self._bridge.trades(order_id, security)


def _unshadow(context: object, before: dict) -> None:
    """Take our portfolio off a context: JoinQuant's own comes back by itself, on a plain object it is put back."""
    for name in ("portfolio", "subportfolios"):
        now = getattr(context, name, None)
        if not isinstance(now[0] if isinstance(now, list) and now else now, RemotePortfolio):
            continue
        with contextlib.suppress(AttributeError):
            delattr(context, name)
        was = before.get(name, _MISSING)
        if was is not _MISSING and not hasattr(context, name):
            setattr(context, name, was)


def _in_joinquant_words(order: Optional[RemoteOrder]) -> Optional[RemoteOrder]:
    if order is not None:
        order.status = _joinquant_status(order.state, order.filled)
    return order


# -- what a strategy calls ---------------------------------------------------------------------------------------------


class _Room:
    """The bridge and the takeover of this process."""

    bridge = None  # type: Optional[Bridge]
    takeover = None  # type: Optional[_Takeover]


_ROOM = _Room()


def _bridge() -> Bridge:
    if _ROOM.bridge is None:
        raise ConfigError("BT_CONFIG", "还没有调用 bt.configure(host=..., port=..., token=...)")
    return _ROOM.bridge


def configure(
    host: str,
    port: int = 58620,
    token: str = "",
    account_key: Optional[str] = None,
    sub_account_id: Optional[str] = None,
    **options: object
) -> None:  # fmt: skip
    """Name the server and the account; call it at every process start. `options`: see `_OPTIONS`.

    Connects to nothing. Without another place for the state, the platform's `read_file` and `write_file` are used where
    the caller has them. Raises `ConfigError` naming the setting.
    """
    caller = sys._getframe(1).f_globals
    if not {"state_file", "write_file", "g"} & set(options) and "write_file" in caller and "read_file" in caller:
        options = dict(options, read_file=caller["read_file"], write_file=caller["write_file"])
    made = Bridge(Settings(host, port, token, account_key, sub_account_id, options))
    if _ROOM.takeover is not None:
        uninstall()
    _ROOM.bridge = made


def install(context: object, namespace: Optional[dict] = None, modules: Iterable[object] = ()) -> bool:
    """Take over the order functions and `context.portfolio`; False, with nothing replaced, outside of `sim_trade`.

    The functions are replaced in the caller's global names (or in `namespace`), and in `modules` of the strategy that
    trade too. JoinQuant's simulated account then gets no order any more, also while the server cannot be reached.
    """
    bridge = _bridge()
    space = namespace if namespace is not None else sys._getframe(1).f_globals
    if bridge.settings.log is None and space.get("log") is not None:
        bridge.voice = _Voice(space["log"], bridge.settings.token)
    kind = getattr(getattr(context, "run_params", None), "type", None)
    if kind != "sim_trade":
        bridge.voice.info(f"运行类型是 {kind}，不接管；只有模拟盘（sim_trade）会下真实委托")
        return False
    uninstall(context)
    bridge.context = context
    _ROOM.takeover = _Takeover(bridge, context, [space] + [vars(one) for one in modules])
    _report(bridge)
    return True


install_jq_compat = install
"""The name that deployed strategies call."""


def _report(bridge: Bridge) -> None:
    """Say in the log whose account it is. A server out of reach is an error in the log: the next order tries again."""
    try:
        bridge.settle()
        view = bridge.view(0.0)
    except BridgeError as error:
        bridge.voice.error(f"已接管下单函数，但现在读不到真实账户：{error}")
        return
    bridge.voice.info(
        f"已接管：{bridge.settings.where}，总资产 {view.total:.2f} 元，可用 {view.cash:.2f} 元，"
        f"持仓 {len(view.positions)} 只；此后的委托都是真实委托"
    )


def uninstall(context: object = None) -> None:
    """Give JoinQuant's own functions and portfolio back. Orders that were sent stay where they are.

    With `context` also what an earlier process left on it.
    """
    if _ROOM.takeover is not None:
        _ROOM.takeover.undo(context)
        _ROOM.takeover = None
    elif context is not None:
        _unshadow(context, {})


def order(
    security: str,
    amount: float,
    style: object = None,
    price: Optional[float] = None,
    wait_timeout: Optional[float] = None,
) -> Optional[RemoteOrder]:
    """Buy `amount` shares, or sell below zero: at the limit `price`, or at market without one.

    `style` takes JoinQuant's `MarketOrderStyle` and `LimitOrderStyle` instead. Waits up to `wait_timeout` seconds for
    the end of the order. Returns the order, with status `unknown` where its answer was lost, or None for an amount of
    0. Raises `BridgeError` where there certainly is no order.
    """
    return _bridge().order(security, amount, _style(style, price), wait_timeout)


def order_value(
    security: str,
    value: float,
    style: object = None,
    price: Optional[float] = None,
    wait_timeout: Optional[float] = None,
) -> Optional[RemoteOrder]:
    """Buy for `value` yuan, or sell below zero; cut to the cash and to what may be sold. Else as `order`."""
    return _bridge().order_value(security, value, _style(style, price), wait_timeout)


def order_target(
    security: str,
    amount: float,
    style: object = None,
    price: Optional[float] = None,
    wait_timeout: Optional[float] = None,
) -> Optional[RemoteOrder]:
    """Trade until `amount` shares are held; this strategy's open orders of the security are cancelled first."""
    return _bridge().order_target(security, amount, _style(style, price), wait_timeout)


def order_target_value(
    security: str,
    value: float,
    style: object = None,
    price: Optional[float] = None,
    wait_timeout: Optional[float] = None,
) -> Optional[RemoteOrder]:
    """Trade until `value` yuan are held; else as `order_target`."""
    return _bridge().order_target_value(security, value, _style(style, price), wait_timeout)


def order_percent(
    security: str,
    percent: float,
    style: object = None,
    price: Optional[float] = None,
    wait_timeout: Optional[float] = None,
) -> Optional[RemoteOrder]:
    """`order_value` for that part (0.1: a tenth) of the account's value."""
    return _bridge().order_value(security, _bridge().worth(percent), _style(style, price), wait_timeout)


def order_target_percent(
    security: str,
    percent: float,
    style: object = None,
    price: Optional[float] = None,
    wait_timeout: Optional[float] = None,
) -> Optional[RemoteOrder]:
    """`order_target_value` for that part (0.1: a tenth) of the account's value."""
    return _bridge().order_target_value(security, _bridge().worth(percent), _style(style, price), wait_timeout)


def cancel_order(order_or_id: object) -> dict:
    """Cancel an order. `value`: proved; `status`: the order's; `cancel_outcome`: `cancelled`,
    `not_canceled_already_terminal` or `unknown`. Raises `BridgeError` where the cancel was refused or not sent."""
    return _bridge().cancel(order_or_id)


def get_account() -> dict:
    """`available_cash`, `total_value` and whatever else the server tells, in yuan."""
    view = _bridge().view(0.0)
    return dict(view.account, available_cash=view.cash, total_value=view.total)


def get_positions() -> Positions:
    """Holdings by code."""
    return Positions(_bridge().view(0.0).positions)


def get_orders(order_id: Optional[object] = None, security: Optional[str] = None, status: Optional[str] = None) -> dict:
    """Today's orders by number, also those of unknown fate. `status` is the wire's word."""
    found = _bridge().orders(order_id, security)
    return {key: one for key, one in found.items() if status in (None, one.status)}


def get_open_orders() -> dict:
    """Today's unfinished orders by number, also those of unknown fate."""
    return {key: one for key, one in get_orders().items() if one.state not in FINAL}


def get_trades(order_id: Optional[object] = None, security: Optional[str] = None) -> dict:
    """Today's trades by number."""
    return _bridge().trades(order_id, security)


def get_last_price(security: str) -> float:
    """The server's latest price in yuan."""
    return _bridge().last_price(security)


def unresolved() -> list:
    """Ask once more after the orders of unknown fate; returns those that still are."""
    return _bridge().settle()


def give_up(order_or_id: object) -> bool:
    """After a look at the broker's terminal: stop asking after an order of unknown fate (its number or remark)."""
    return _bridge().give_up(order_or_id)
