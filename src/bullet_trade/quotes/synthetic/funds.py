"""The exchange-traded funds of the universe: real codes and plain names of what they track, with invented prices."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from bullet_trade.domain.securities import Code


class Fund(NamedTuple):
    """One fund. `holding` is the index it tracks, or the name of a kind of holding (see `profiles`)."""

    code: Code
    name: str
    price: float
    holding: str


# code, name, middle price in yuan, holding (an index code without its exchange's suffix means 000xxx
# Shanghai, 399xxx Shenzhen; a word means a kind of holding that follows no index of ours).
_LARGE_CODES = """
510050.XSHG 510300.XSHG 510500.XSHG 511090.XSHG 511880.XSHG 511990.XSHG 512100.XSHG 512880.XSHG 513050.XSHG
513100.XSHG 518880.XSHG 588000.XSHG 159915.XSHE 159919.XSHE 159845.XSHE
"""
LARGE = frozenset(_LARGE_CODES.split())
"""The most traded ones."""

_TABLE = """
510010 治理ETF 1.25 000010
510020 超大盘ETF 0.62 000016
510030 价值ETF 1.05 000015
510050 上证50ETF 2.75 000016
510100 上证50ETF易 1.35 000016
510150 消费ETF 0.62 000932
510180 上证180ETF 3.55 000010
510210 上证指数ETF 0.95 000001
510300 沪深300ETF 3.95 000300
510310 沪深300ETF易 1.92 000300
510330 沪深300ETF华 4.05 000300
510350 沪深300ETF工 4.20 000300
510360 沪深300ETF广 1.35 000300
510500 中证500ETF 6.05 000905
510510 中证500ETF广 1.65 000905
510580 中证500ETF易 2.75 000905
510710 上证50ETF博 3.10 000016
510760 上证综指ETF 1.02 000001
510880 红利ETF 3.05 000015
510900 H股ETF 0.92 hongkong
511010 国债ETF 128.5 bond
511020 活跃国债ETF 117.2 bond
511030 公司债ETF 105.6 bond
511060 5年地债ETF 109.1 bond
511090 30年国债ETF 112.4 long_bond
511220 城投债ETF 10.05 bond
511260 十年国债ETF 125.3 bond
511270 10年地债ETF 113.8 bond
511360 短融ETF 110.2 money
511380 可转债ETF 11.35 convertible
511520 政金债ETF 113.2 bond
511660 建信添益ETF 100.0 money
511690 交易货币ETF 100.0 money
511700 场内货币ETF 100.0 money
511800 易货币ETF 100.0 money
511810 理财金货币ETF 100.0 money
511850 财富宝ETF 100.0 money
511880 银华日利ETF 100.6 money
511990 华宝添益ETF 100.0 money
512000 券商ETF 0.98 sector
512010 医药ETF 0.42 sector
512070 证券保险ETF 0.78 sector
512100 中证1000ETF 2.45 000852
512170 医疗ETF 0.40 sector
512200 房地产ETF 1.32 sector
512290 生物医药ETF 0.85 sector
512400 有色金属ETF 1.15 sector
512480 半导体ETF 1.05 technology
512500 中证500ETF华 3.20 000905
512660 军工ETF 1.08 technology
512690 酒ETF 0.65 sector
512700 银行ETF基金 1.45 value
512720 计算机ETF 0.95 technology
512760 芯片ETF 1.25 technology
512800 银行ETF 1.38 value
512880 证券ETF 1.05 sector
512890 红利低波ETF 1.12 000922
512900 证券ETF基金 0.92 sector
512980 传媒ETF 0.72 technology
513030 德国ETF 1.55 overseas
513050 中概互联网ETF 1.18 hongkong
513060 恒生医疗ETF 0.55 hongkong
513080 法国CAC40ETF 1.52 overseas
513090 香港证券ETF 1.45 hongkong
513100 纳指ETF 1.48 overseas
513130 恒生科技ETF泰 0.62 hongkong
513180 恒生科技指数ETF 0.64 hongkong
513300 纳斯达克ETF 1.92 overseas
513330 恒生互联网ETF 0.48 hongkong
513500 标普500ETF 2.05 overseas
513520 日经ETF 1.42 overseas
513660 恒生ETF 2.65 hongkong
513880 日经225ETF 1.35 overseas
515000 科技ETF 1.12 technology
515030 新能源车ETF 1.35 technology
515050 5G通信ETF 1.22 technology
515080 中证红利ETF 1.48 000922
515180 红利ETF易 1.30 000922
515220 煤炭ETF 1.10 value
515290 银行ETF天弘 1.32 value
515330 沪深300ETF天弘 1.05 000300
515650 消费50ETF 1.02 000932
515790 光伏ETF 0.82 technology
515880 通信ETF 1.45 technology
516160 新能源ETF 0.68 technology
516510 云计算ETF 1.15 technology
516970 基建50ETF 1.05 value
517090 央企共赢ETF 1.42 value
518800 黄金ETF基金 5.35 gold
518850 黄金ETF9999 5.42 gold
518860 上海金ETF 5.40 gold
518880 黄金ETF 5.45 gold
560010 中证1000ETF广 2.42 000852
560050 A50ETF 1.05 000016
560600 消费龙头ETF 0.75 000932
561300 300增强ETF 1.08 000300
562000 中证100ETF 1.05 000903
563300 中证2000ETF 1.08 399303
563360 A500ETF 1.02 000510
588000 科创50ETF 1.02 000688
588050 科创ETF 1.00 000688
588080 科创板50ETF 1.01 000688
588190 科创100ETF 0.88 000698
588200 科创芯片ETF 1.35 technology
588220 科创100ETF基金 0.89 000698
159001 货币ETF 100.0 money
159605 中概互联ETF 1.02 hongkong
159611 电力ETF 0.98 value
159741 恒生科技ETF 0.65 hongkong
159781 双创50ETF 0.62 399673
159806 新能源车ETF 0.85 technology
159819 人工智能ETF 0.95 technology
159845 中证1000ETF 2.40 000852
159901 深100ETF 2.75 399330
159902 中小100ETF 3.25 399005
159903 深成ETF 1.15 399001
159905 深红利ETF 1.95 000922
159915 创业板ETF 2.15 399006
159919 沪深300ETF 4.02 000300
159920 恒生ETF 1.12 hongkong
159922 中证500ETF 2.18 000905
159928 消费ETF 0.82 000932
159934 黄金ETF 5.38 gold
159937 黄金ETF基金 5.36 gold
159941 纳指ETF 1.02 overseas
159949 创业板50ETF 0.98 399673
159952 创业板ETF广发 1.25 399006
159967 创业板成长ETF 0.52 399006
159980 有色ETF 1.65 commodity
159981 能源化工ETF 1.42 commodity
159985 豆粕ETF 1.95 commodity
159992 创新药ETF 0.75 sector
159995 芯片ETF 1.22 technology
"""


@cache
def funds() -> dict[Code, Fund]:
    """The listed funds by code, sorted."""
    rows = (line.split() for line in _TABLE.strip().splitlines())
    found = [Fund(_full(code), name, float(price), _holding(held)) for code, name, price, held in rows]
    return {fund.code: fund for fund in sorted(found)}


def _full(digits: str) -> Code:
    return Code(f"{digits}.{'XSHE' if digits.startswith('15') else 'XSHG'}")


def _holding(word: str) -> str:
    if not word.isdigit():
        return word
    return f"{word}.{'XSHE' if word.startswith('399') else 'XSHG'}"
