"""May it enter? Host, origin and the number of connections."""

from .admission import Admission
from .host import HostCheck
from .origin import OriginCheck

__all__ = ["Admission", "HostCheck", "OriginCheck"]
