
from jqdata import *

def initialize(context):
    pass

def handle_tick(context, tick):
    order(tick.code, 100, wait_timeout=0)
