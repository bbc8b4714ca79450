"""Recordings of many channels as they come: packets of a millisecond, each decodable on arrival."""

from n1codec.stream.packets import Arrival, PacketDecoder, PacketEncoder

__all__ = ["Arrival", "PacketDecoder", "PacketEncoder"]
