"""Where the public data sets lie, as their publishers state it.

Addresses: the download links of LogHub's README (Zenodo record 8196385) and of USENIX CFDR's page. Neither states
checksums: the one of the first download is kept, and later ones must have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_LOGHUB = "https://zenodo.org/records/8196385/files"
_CFDR = "http://0b4af6cdc2f0c5998459-c0245c5c937c5dedcca3f1764ecc9b2f.r43.cf2.rackcdn.com/hpc4"
_LOGHUB_TERMS = "LogHub: free for research and academic work; cite https://arxiv.org/abs/2008.06448"
_CFDR_TERMS = "USENIX CFDR: see https://www.usenix.org/cfdr-data; cite Oliner and Stearley, DSN 2007"


@dataclass(frozen=True)
class DataSet:
    """A public log.

    Attributes:
        name: as in `rationanomaly fetch NAME`.
        address: of the file.
        page: where a person finds it.
        terms: licence and what to cite.
        log: name of the log inside the archive; the file itself is the log where this is empty.
        format: for ``data.format``.
    """

    name: str
    address: str
    page: str
    terms: str
    log: str
    format: str

    @property
    def file(self) -> str:
        """Name of the file that is downloaded."""
        return self.address.rpartition("/")[2]


def _loghub(name: str, file: str, log: str, form: str) -> DataSet:
    return DataSet(name, f"{_LOGHUB}/{file}", "https://github.com/logpai/loghub", _LOGHUB_TERMS, log, form)


def _cfdr(name: str, file: str, form: str) -> DataSet:
    return DataSet(name, f"{_CFDR}/{file}", "https://www.usenix.org/cfdr-data", _CFDR_TERMS, "", form)


DATA_SETS: Mapping[str, DataSet] = {
    entry.name: entry
    for entry in (
        _loghub("bgl", "BGL.zip", "BGL.log", "bgl"),
        _loghub("thunderbird", "Thunderbird.tar.gz", "Thunderbird.log", "thunderbird"),
        _loghub("hdfs", "HDFS_v1.zip", "HDFS.log", "hdfs"),
        _cfdr("spirit", "spirit2.gz", "spirit"),
        _cfdr("liberty", "liberty2.gz", "liberty"),
    )
}
