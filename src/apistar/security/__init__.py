"""May it enter? Host, origin, CORS and the number of connections."""

from .admission import Admission
from .cors import check_cors
from .host import HostCheck
from .origin import OriginCheck

__all__ = ["Admission", "HostCheck", "OriginCheck", "check_cors"]
