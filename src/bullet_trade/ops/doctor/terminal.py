"""Checks of a QMT terminal on this machine: the vendor's package, the directory, the account, quotes and clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

from bullet_trade.brokers.qmt.terms import QmtTerms, check_data_path
from bullet_trade.domain.errors import DataError, UsageError
from bullet_trade.domain.money import SCALE
from bullet_trade.domain.securities import Code
from bullet_trade.market.sessions import trading_half
from bullet_trade.ops.doctor.finding import Finding, Level
from bullet_trade.ops.doctor.site import Site, TerminalQuotes
from bullet_trade.ops.qmt_broker import qmt_terms

LABEL = "doctor"
"""Stands where a strategy's name stands, so that the session numbers are none of a running engine."""

PERMISSION_MARKER = "up_queue_xtquant"
"""A terminal makes this file where the account may trade through programs."""

PROBE = Code("600000.XSHG")
"""A share that trades on every day."""

OLD_S = 30.0
"""A snapshot in the session is three seconds old, and rarely ten: older ones tell of a wrong clock or dead quotes."""


def xtquant(site: Site) -> Iterator[Finding]:
    """The vendor's package can be imported."""
    try:
        site.load_xtquant()
    except UsageError as error:
        yield Finding("xtquant", "xtquant", Level.FAILED, error.text, "不能连接本机的 QMT", error.remedy)
    else:
        yield Finding("xtquant", "xtquant", Level.OK, site.installed("xtquant") or "随终端附带，版本未知")


def data_path(site: Site) -> Iterator[Finding]:
    """The terminal's directory is the right one and can be written."""
    title, path = "QMT_DATA_PATH", site.settings.qmt_data_path
    meaning = "连接 QMT 会失败"
    try:
        text = check_data_path(path)
    except UsageError as error:
        yield Finding("data_path", title, Level.FAILED, error.text, meaning, error.remedy)
        return
    directory = Path(text)
    if not _fits_gbk(text):
        remedy = "换一个只含中文和英文字母的安装路径"
        yield Finding("data_path", title, Level.FAILED, f"{text} 里有 GBK 没有的字", meaning, remedy)
    elif not _writable(directory):
        remedy = "用管理员身份运行，或把 QMT 装到系统盘以外"
        yield Finding("data_path", title, Level.FAILED, f"{text} 不可写", meaning, remedy)
    elif directory.name.lower() not in ("userdata_mini", "userdata"):
        remedy = "写 QMT 安装目录下 userdata_mini 的完整路径"
        yield Finding("data_path", title, Level.WARNING, f"{text} 不叫 userdata_mini", "可能不是 QMT 的目录", remedy)
    elif not (directory / PERMISSION_MARKER).exists():
        remedy = "启动并登录 QMT（极简模式）；仍没有就请券商开通接口权限"
        words = f"{text} 里没有 {PERMISSION_MARKER}"
        yield Finding("data_path", title, Level.WARNING, words, "终端没有启动过，或账户没有接口权限", remedy)
    else:
        yield Finding("data_path", title, Level.OK, f"{text}，可写，有接口权限标记")


def _fits_gbk(text: str) -> bool:
    try:
        text.encode("gbk")
    except UnicodeError:
        return False
    return True


def _writable(directory: Path) -> bool:
    try:
        with TemporaryFile(dir=directory):
            return True
    except OSError:
        return False


def account(site: Site) -> Iterator[Finding]:
    """The terminal runs, is logged in, and shows the account: asked through the adapter itself, with its deadline."""
    title = "QMT 连接"
    try:
        terms: QmtTerms = qmt_terms(site.settings, LABEL)
        look = site.connect(terms)
    except UsageError as error:
        yield Finding("terminal", title, Level.FAILED, error.text, "不能交易", error.remedy)
        return
    if look.account is None:
        remedy = (
            "依次检查：QMT 已启动并登录（极简模式、独立交易）；QMT_DATA_PATH 指向它的 userdata_mini；"
            "没有别的程序占用 xtquant；QMT_ACCOUNT_ID 是这个终端登录的资金账号"
        )
        yield Finding("terminal", title, Level.FAILED, look.reason, "不能交易", remedy)
        return
    yield Finding("terminal", title, Level.OK, "已连接，已订阅回报")
    found = look.account
    money = (found.available + found.frozen) / SCALE
    words = f"尾号 {terms.account_id[-4:]}，资金 {money:,.2f} 元，持仓 {len(found.holdings)} 只，"
    words += f"今日委托 {len(found.orders)} 笔"
    if not money and not found.holdings:
        remedy = "核对 QMT_ACCOUNT_ID 和 QMT_ACCOUNT_TYPE=stock，在终端里看同一账号的资金"
        yield Finding("account", "资金账号", Level.FAILED, words, "资产全为零，多半是账号不对", remedy)
    else:
        yield Finding("account", "资金账号", Level.OK, words)


def quotes(site: Site) -> Iterator[Finding]:
    """A quote, a clock that agrees with it, and a bar of history."""
    title, meaning = "QMT 行情", "策略没有价格可用"
    remedy = "确认 QMT 已登录且行情正常；在终端里打开一只股票看是否刷新"
    try:
        source = site.quotes()
        yield from _snapshot(site, source)
        bars = source.day_bars(PROBE)
    except (UsageError, DataError) as error:
        yield Finding("quotes", title, Level.FAILED, error.text, meaning, error.remedy or remedy)
        return
    if bars:
        yield Finding("history", "历史行情", Level.OK, f"{PROBE} 日线到 {bars[-1].day}")
    else:
        words, remedy = f"{PROBE} 没有日线", "在 QMT 的数据管理里下载日线，或等首次下载完成"
        yield Finding("history", "历史行情", Level.WARNING, words, "取历史数据的策略会出错", remedy)


def _snapshot(site: Site, source: TerminalQuotes) -> Iterator[Finding]:
    found, now = source.snapshot(PROBE), site.now()
    if found is None or found.price <= 0:
        remedy = "确认 QMT 已登录且行情正常"
        yield Finding("quotes", "QMT 行情", Level.FAILED, f"{PROBE} 没有快照", "策略没有价格可用", remedy)
        return
    yield Finding("quotes", "QMT 行情", Level.OK, f"{PROBE} {found.price:g} 元，{found.at:%Y-%m-%d %H:%M:%S}")
    yield clock(now_s=(now - found.at).total_seconds(), in_session=trading_half(now) is not None)


def clock(now_s: float, in_session: bool) -> Finding:
    """What the age `now_s` of a quote says about the machine's clock: a quote from the future always says something,
    an old one only while trading goes on."""
    title, remedy = "时钟", "校准本机时间（Windows：设置里立即同步；Linux：chrony 或 ntpd）"
    if now_s < -2.0:
        words = f"比行情时间慢 {-now_s:.0f} 秒"
        return Finding("clock", title, Level.FAILED, words, "定时任务会晚做", remedy)
    if not in_session:
        return Finding("clock", title, Level.SKIPPED, "不在交易时间，行情时间不能用来对表")
    if now_s > OLD_S:
        words = f"最新行情是 {now_s:.0f} 秒之前的"
        return Finding("clock", title, Level.FAILED, words, "本机时钟快了，或行情停了", remedy)
    return Finding("clock", title, Level.OK, f"与行情相差 {now_s:.0f} 秒")
