"""Industries, concepts and index weights of the synthetic market: real classifications, invented memberships.

A company's industry goes with the trade in its name. None of it depends on the seed or changes over time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import NamedTuple

from bullet_trade.domain.securities import Code
from bullet_trade.ports.reference_tables import Category
from bullet_trade.quotes.synthetic.indices import members_on, size_score
from bullet_trade.quotes.synthetic.stocks import Listing, company_name, stock_listings
from bullet_trade.quotes.synthetic.streams import below, stream_key, unit


class Industry(NamedTuple):
    """An industry of Shenwan's first level (2021), and where JoinQuant's and the CSRC's classifications put it."""

    name: str
    jq: str
    zjw: str


# Codes and names as JoinQuant lists them (classifications sw_l1, jq_l1, zjw).
SW_L1: dict[str, Industry] = {
    "801010": Industry("农林牧渔I", "HY005", "A01"),
    "801030": Industry("基础化工I", "HY002", "C26"),
    "801040": Industry("钢铁I", "HY002", "C31"),
    "801050": Industry("有色金属I", "HY002", "C32"),
    "801080": Industry("电子I", "HY008", "C39"),
    "801110": Industry("家用电器I", "HY004", "C38"),
    "801120": Industry("食品饮料I", "HY005", "C15"),
    "801130": Industry("纺织服饰I", "HY004", "C18"),
    "801140": Industry("轻工制造I", "HY004", "C22"),
    "801150": Industry("医药生物I", "HY006", "C27"),
    "801160": Industry("公用事业I", "HY010", "D44"),
    "801170": Industry("交通运输I", "HY003", "G55"),
    "801180": Industry("房地产I", "HY011", "K70"),
    "801200": Industry("商贸零售I", "HY004", "F52"),
    "801210": Industry("社会服务I", "HY004", "N78"),
    "801230": Industry("综合I", "HY003", "S90"),
    "801710": Industry("建筑材料I", "HY002", "C30"),
    "801720": Industry("建筑装饰I", "HY003", "E48"),
    "801730": Industry("电力设备I", "HY003", "C38"),
    "801740": Industry("国防军工I", "HY003", "C37"),
    "801750": Industry("计算机I", "HY008", "I65"),
    "801760": Industry("传媒I", "HY009", "R86"),
    "801770": Industry("通信I", "HY009", "C39"),
    "801780": Industry("银行I", "HY007", "J66"),
    "801790": Industry("非银金融I", "HY007", "J67"),
    "801880": Industry("汽车I", "HY004", "C36"),
    "801890": Industry("机械设备I", "HY003", "C35"),
    "801950": Industry("煤炭I", "HY001", "B06"),
    "801960": Industry("石油石化I", "HY001", "B07"),
    "801970": Industry("环保I", "HY010", "N77"),
    "801980": Industry("美容护理I", "HY005", "C26"),
}
JQ_L1 = {
    "HY001": "能源",
    "HY002": "材料",
    "HY003": "工业",
    "HY004": "可选消费",
    "HY005": "日常消费",
    "HY006": "医疗保健",
    "HY007": "金融",
    "HY008": "信息技术",
    "HY009": "电信服务",
    "HY010": "公用事业",
    "HY011": "房地产",
}
ZJW = {
    "A01": "农业",
    "B06": "煤炭开采和洗选业",
    "B07": "石油和天然气开采业",
    "C15": "酒、饮料和精制茶制造业",
    "C18": "纺织服装、服饰业",
    "C22": "造纸及纸制品业",
    "C26": "化学原料及化学制品制造业",
    "C27": "医药制造业",
    "C30": "非金属矿物制品业",
    "C31": "黑色金属冶炼及压延加工业",
    "C32": "有色金属冶炼及压延加工业",
    "C35": "专用设备制造业",
    "C36": "汽车制造业",
    "C37": "铁路、船舶、航空航天和其他运输设备制造业",
    "C38": "电气机械及器材制造业",
    "C39": "计算机、通信和其他电子设备制造业",
    "D44": "电力、热力生产和供应业",
    "E48": "土木工程建筑业",
    "F52": "零售业",
    "G55": "水上运输业",
    "I65": "软件和信息技术服务业",
    "J66": "货币金融服务",
    "J67": "资本市场服务",
    "K70": "房地产业",
    "N77": "生态保护和环境治理业",
    "N78": "公共设施管理业",
    "R86": "广播、电视、电影和影视录音制作业",
    "S90": "综合",
}
CONCEPTS = {
    "SC0001": "人工智能",
    "SC0002": "芯片国产化",
    "SC0003": "新能源汽车",
    "SC0004": "光伏",
    "SC0005": "储能",
    "SC0006": "机器人",
    "SC0007": "军民融合",
    "SC0008": "创新药",
    "SC0009": "数字经济",
    "SC0010": "国企改革",
    "SC0011": "高股息",
    "SC0012": "跨境电商",
}
"""Invented codes with names that are in use."""

_BY_TRADE: dict[str, tuple[str, ...]] = {
    "股份": ("801780", "801790", "801110", "801140", "801200", "801210", "801230", "801880", "801980", "801160"),
    "科技": ("801080", "801750", "801770", "801740"),
    "电子": ("801080",),
    "医药": ("801150",),
    "化工": ("801030",),
    "机械": ("801890", "801880"),
    "食品": ("801120", "801010"),
    "能源": ("801160", "801960", "801950"),
    "建材": ("801710",),
    "物流": ("801170",),
    "材料": ("801050", "801040", "801030"),
    "电气": ("801730",),
    "环保": ("801970",),
    "传媒": ("801760",),
    "软件": ("801750",),
    "重工": ("801890", "801740"),
    "纺织": ("801130",),
    "置业": ("801180", "801720"),
    "仪表": ("801890", "801080"),
    "矿业": ("801050", "801950"),
}

FIRST_DAYS = {"sw_l1": date(2021, 12, 13), "jq_l1": date(2005, 1, 4), "zjw": date(2005, 1, 4)}
_CONCEPTS_SINCE = date(2015, 1, 5)
_CONCEPT_SHARE = 0.06

_INDUSTRY_KEY = stream_key(0, "industry")
_CONCEPT_KEY = stream_key(0, "concept")


def sw_industry(code: Code) -> str:
    """The code of a stock's Shenwan industry."""
    choice = _BY_TRADE[company_name(code)[2:]]
    return choice[below(_INDUSTRY_KEY, int(code[:6]), len(choice))]


_CLASSIFY: dict[str, tuple[dict[str, str], Callable[[str], str]]] = {
    "sw_l1": ({code: row.name for code, row in SW_L1.items()}, lambda sw: sw),
    "jq_l1": (JQ_L1, lambda sw: SW_L1[sw].jq),
    "zjw": (ZJW, lambda sw: SW_L1[sw].zjw),
}
"""Classification -> names by code, and the code for a Shenwan industry."""


@cache
def _members(industry: str) -> tuple[Listing, ...]:
    for names, code_of in _CLASSIFY.values():
        if industry in names:
            return tuple(one for one in stock_listings() if code_of(sw_industry(one.code)) == industry)
    return ()


@cache
def _concept_listings(concept: str) -> tuple[Listing, ...]:
    if concept not in CONCEPTS:
        return ()
    place = list(CONCEPTS).index(concept)
    return tuple(one for one in stock_listings() if _in_concept(one.code, place))


def _in_concept(code: Code, place: int) -> bool:
    return unit(_CONCEPT_KEY, int(code[:6]) * 64 + place) < _CONCEPT_SHARE


def _on(listings: Sequence[Listing], day: date) -> list[Code]:
    return [one.code for one in listings if one.list_date <= day <= one.end_date]


class SyntheticReference:
    """`ReferenceTables` of the synthetic market."""

    def industries(self, classification: str, day: date) -> Sequence[Category]:
        """The industries of sw_l1, jq_l1 or zjw; none for other names."""
        names, _ = _CLASSIFY.get(classification, ({}, str))
        return [Category(code, name, FIRST_DAYS[classification]) for code, name in sorted(names.items())]

    def industry_members(self, industry: str, day: date) -> Sequence[Code]:
        """Stocks of the universe in that industry, listed on `day`."""
        return _on(_members(industry), day)

    def industries_of(self, code: Code, day: date) -> Mapping[str, Category]:
        """A stock's industry in each classification; nothing for what is no stock."""
        if code not in _stock_codes():
            return {}
        sw = sw_industry(code)
        return {
            name: Category(code_of(sw), names[code_of(sw)], FIRST_DAYS[name])
            for name, (names, code_of) in _CLASSIFY.items()
        }

    def concepts(self) -> Sequence[Category]:
        """All concepts."""
        return [Category(code, name, _CONCEPTS_SINCE) for code, name in CONCEPTS.items()]

    def concept_members(self, concept: str, day: date) -> Sequence[Code]:
        """Stocks of the universe in that concept, listed on `day`."""
        return _on(_concept_listings(concept), day)

    def concepts_of(self, code: Code, day: date) -> Sequence[Category]:
        """A stock's concepts."""
        if code not in _stock_codes():
            return []
        return [one for place, one in enumerate(self.concepts()) if _in_concept(code, place)]

    def index_weights(self, index: Code, day: date) -> Mapping[Code, float]:
        """Weights in percent by the companies' sizes."""
        members = members_on(index, day)
        sizes = [max(0.1, 3.0 + size_score(code)) ** 2 for code in members]
        total = sum(sizes)
        return {code: round(100.0 * size / total, 3) for code, size in zip(members, sizes, strict=True)}


@cache
def _stock_codes() -> frozenset[Code]:
    return frozenset(one.code for one in stock_listings())
