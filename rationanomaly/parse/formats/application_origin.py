"""What stands between the level of a line of an application log and its message: thread, logger, place in the code."""

from __future__ import annotations

import polars as pl

from rationanomaly.parse.formats.first_match import first_match

_LEAD = r"^[\])>]?[ \t]*(?:(?:-(?:->?|>)?|=>)[ \t]+|[:|,;][ \t]*)?"
_NAME = r"[A-Za-z_$][A-Za-z0-9_$-]*"
_DOTTED = rf"{_NAME}(?:(?:\.|::)[A-Za-z0-9_$-]+)+"
_NESTED = r"(?:[^\[\]]|\[[^\[\]]*\])+?"
_THREAD = rf"\[ *(?<thread>{_NESTED}) *\]"
#: ``(Job.java:print(1294))``, ``:123``, ``[(null)]``: says where in the source, or nothing.
_PLACE = r"(?: \([^ ]*\)| \[\(null\)\]|:[0-9]+)?"
_MESSAGE = r"(?<message>.*)$"
#: Dotted names that are no logger: an exception, a host, a file.
_NO_LOGGER = (
    rf"(?:(?:{_NAME}\.)+(?:[A-Za-z0-9_$]*(?:Exception|Error|Throwable)|com|org|net|io|dev|local|internal|"
    r"ya?ml|json|conf|cfg|ini|toml|xml|csv|txt|sql|pid|sock)"
    # Methods of classes may be called log, too.
    r"|(?:[a-z0-9_-]+\.)+(?:log|sh))"
)

#: In the order in which they are tried. First dotted names that are no logger, or stand before brackets that are none.
_BEFORE_ALL = (
    # name.of.module [req-…] text, name.of.module [-] text (OpenStack)
    rf"{_LEAD}(?<logger>{_DOTTED}) \[(?:req-[^\[\]]*|-)\] {_MESSAGE}",
    # java.io.IOException: text; [main] db.example.org: text
    rf"{_LEAD}(?:{_THREAD} +)?(?<message>{_NO_LOGGER}(?::[0-9]+)?(?:: | ).*)$",
)
#: Quick forms of what follows: each character can be only one thing.
_QUICK = (
    rf"^ +\[(?<thread>[^\[\]]*)\] +(?<logger>{_NAME}(?:\.[A-Za-z0-9_$-]+)+)(?:: | - )(?<message>.*)$",
    rf"^ +(?<logger>{_NAME}(?:\.[A-Za-z0-9_$-]+)+)(?:: | - )(?<message>.*)$",
)
_LAYOUTS = (
    # [main] org.example.Pool: text; [main] Pool - text
    rf"{_LEAD}{_THREAD} +(?:\[[^\[\]]*\] +)?(?<logger>{_DOTTED}){_PLACE}(?:: | *:? +- | +: ){_MESSAGE}",
    rf"{_LEAD}{_THREAD} +(?<logger>{_NAME}){_PLACE} +- {_MESSAGE}",
    # [main] [org.example.Pool] text
    rf"{_LEAD}{_THREAD} +\[ *(?<logger>{_DOTTED}) *\](?: -)? {_MESSAGE}",
    # org.example.Pool: text; org.example.Pool - text; Pool.java:650 - text; my_app::pool: text
    rf"{_LEAD}(?<logger>{_DOTTED}){_PLACE}(?: \[\])?(?:: | *:? +- | +: | +\| ){_MESSAGE}",
    # org.example.Pool#open: text (Jenkins)
    rf"{_LEAD}(?:{_THREAD} +)?(?<logger>{_DOTTED})#[A-Za-z0-9_$]+: {_MESSAGE}",
    # Pool:12 - text; ConnectionPool - text
    rf"{_LEAD}(?<logger>{_NAME}):[0-9]+ +- {_MESSAGE}",
    rf"{_LEAD}(?<logger>[A-Z][a-z0-9_]+[A-Z][A-Za-z0-9_$]*) +- {_MESSAGE}",
    # 7 --- [           main] o.e.Pool   : text (Spring Boot; the thread has 15 places, others stand beside it)
    rf"^ +(?:\[[^\[\]]*\] +)?[0-9]+ --- (?:\[[^\[\]]*\] ?)??\[ *(?<thread>[^\[\]]{{15}})\] (?:\[[^\[\]]*\] )?"
    rf"(?<logger>[^ ]+) *: {_MESSAGE}",
    rf"^ +(?:\[[^\[\]]*\] +)?[0-9]+ --- {_THREAD} (?:\[[^\[\]]*\] )?(?<logger>[^ ]+) *: {_MESSAGE}",
    # | text | org.example.Pool | main (ActiveMQ); |Example.Pool|text (NLog); | module:function:42 - text (loguru)
    rf"^ *\| (?<message>.*) \| (?<logger>{_DOTTED}) \| (?<thread>[^|]+)$",
    rf"^ *\| *(?<logger>[A-Za-z_<$][A-Za-z0-9_.$<>]*)(?::[A-Za-z0-9_<>.]+)*(?: +- | *\|+ *){_MESSAGE}",
    # <tab>name<tab>file.go:12<tab>text<tab>{…} (zap)
    rf"^\t(?:(?<logger>{_NAME}(?:[./][A-Za-z0-9_./-]*)?)\t)?(?:[A-Za-z0-9_./@-]+:[0-9]+\t)?"
    r"(?<message>[^{\t][^\t]*(?:\t\{.*)?)$",
    # :name:text (Python)
    rf"^:(?<logger>[A-Za-z_][A-Za-z0-9_.]*):{_MESSAGE}",
    # in module: text (Flask)
    rf"^ in (?<logger>[A-Za-z_][A-Za-z0-9_]*): {_MESSAGE}",
    # [ #7]  INFO -- name: text (Ruby)
    rf"^\[ #[0-9]+\] +[A-Z]+ -- (?<logger>[^:]+)?: {_MESSAGE}",
    # [thread:Class@12] - text (ZooKeeper)
    rf"{_LEAD}\[(?<thread>[^@]*):(?<logger>{_NAME}(?:\.{_NAME})*)@[0-9]+\] - {_MESSAGE}",
    # ][o.e.n.Node     ] [node] text (Elasticsearch)
    rf"^\]\[(?<logger>[A-Za-z][A-Za-z0-9_.$]*) *\] ?\[(?<node>[^\[\]:/]+)\] ?{_MESSAGE}",
    # ][main] [source/server.cc:412] text (Envoy); ][7] text (Salt)
    rf"^\]\[(?<logger>[A-Za-z][A-Za-z0-9_]*)\] \[[^\[\]]*:[0-9]+\] {_MESSAGE}",
    rf"^\]\[[0-9]+\] {_MESSAGE}",
    # <tab>id of the request<tab>text (AWS Lambda)
    rf"^\t[0-9a-f]{{8}}-[0-9a-f-]{{27}}\t{_MESSAGE}",
    # (name/7 on host): text (pino)
    rf"^ \((?:(?<logger>[^()/ ]+)/)?[0-9]+(?: on (?<node>[^() ]+))?\): {_MESSAGE}",
    # database odoo.module: text
    rf"^ [A-Za-z0-9_?-]+ (?<logger>odoo(?:\.[A-Za-z0-9_]+)+): {_MESSAGE}",
    # ] [MY-010116] [Server] text (MySQL)
    rf"^\] \[MY-[0-9]+\] \[(?<logger>[A-Za-z]+)\] {_MESSAGE}",
    # ] <0.230.0> text (Erlang)
    rf"^\] <(?<thread>[0-9]+\.[0-9]+\.[0-9]+)> {_MESSAGE}",
    # ] text      [name] key=value (structlog)
    r"^\] (?<message>[^ ].*?)  +\[(?<logger>[A-Za-z_][A-Za-z0-9_.]*)\](?<more>(?: .*)?)$",
    # Category[14] text (Microsoft)
    rf"^:? +(?<logger>[A-Za-z_][A-Za-z0-9_.+`-]*)\[[0-9]+\](?:: | ){_MESSAGE}",
    r"^:? +(?<logger>[A-Za-z_][A-Za-z0-9_.+`-]*)\[[0-9]+\](?<message>)$",
    # (qtp12-21) [c:books s:one] o.a.s.Request text (Solr)
    rf"^ +\((?<thread>[^()]+)\) \[[^\[\]]*\] (?<logger>{_DOTTED}) {_MESSAGE}",
    # [org.example] (thread) text (JBoss, Quarkus)
    rf"{_LEAD}\[(?<logger>{_DOTTED})\] \((?<thread>(?:[^()]|\([^()]*\))+)\) {_MESSAGE}",
    # org.example.Pool [Pool.java:12] text
    rf"{_LEAD}(?:{_THREAD} +)?(?<logger>{_DOTTED}) \[[A-Za-z0-9_$]+\.[a-z]+:[0-9]+\] (?:- )?{_MESSAGE}",
    # org.example.Server.start text (Tomcat); example.server [x] text
    rf"{_LEAD}(?:{_THREAD} +)?(?<logger>{_DOTTED}\.{_NAME}) {_MESSAGE}",
    rf"{_LEAD}(?:{_THREAD} +)?(?<logger>{_DOTTED}) (?<message>\[.*)$",
    # [org.example.Pool] text
    rf"{_LEAD}\[ *(?<logger>{_DOTTED}) *(?::[0-9]+ *)?\] *(?:[:-] +)?{_MESSAGE}",
    # text (org.example.Pool) (Kafka)
    rf"{_LEAD}(?<message>.*) \((?<logger>[a-z][A-Za-z0-9_$]*\.(?:[A-Za-z0-9_$]+\.)*(?:[A-Z][A-Za-z0-9_$]*|logger))\)$",
    # [main] text; [worker-3] text
    rf"{_LEAD}\[ *(?<thread>main|[A-Za-z][A-Za-z_.]*[ #-][A-Za-z0-9 _.#-]*[0-9]) *\] *(?:[:-] +)?{_MESSAGE}",
    # ] [engine] text (Fluent Bit); ] name - text (log4js);  Name] text (Jupyter)
    rf"^\] ?\[ *(?<logger>{_NAME}(?:[:/][A-Za-z0-9_.:/-]+)?) *\] *(?:[:-] +)?{_MESSAGE}",
    rf"^\] (?<logger>{_NAME}) +- {_MESSAGE}",
    rf"^\[ (?<logger>[A-Za-z_][A-Za-z0-9_.]*)\] {_MESSAGE}",
    # views 7 140735 text (Django)
    rf"^ (?<logger>[a-z_]+) [0-9]+ [0-9]{{5,}} {_MESSAGE}",
)
_PLAIN = (r"^\]?[ \t]+(?<message>[A-Za-z0-9\"'(\[{/<].*)$", rf"{_LEAD}{_MESSAGE}")


def split_origin(tails: pl.Series) -> pl.DataFrame:
    """Who wrote each line, from what stands behind its level.

    A dotted name leaves the message; a plain word before a colon stays in it, unless the layout has a logger there.

    Returns:
        One row per line: ``thread``, ``logger``, ``node`` (null where a line names none) and ``message``.
    """
    found = first_match(tails, (_BEFORE_ALL, _QUICK, _LAYOUTS, _PLAIN), ("thread", "logger", "node", "message", "more"))
    message = pl.col("message")
    if found["more"].null_count() < found.height:
        message = pl.concat_str(message, pl.col("more").fill_null(""))
    return found.select("logger", "node", thread=pl.col("thread").str.strip_chars(), message=message)
