"""What every table registers with, so that tables may lie in several files."""

from __future__ import annotations

from sqlalchemy import MetaData

metadata = MetaData()
