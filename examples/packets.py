"""Stream 256 channels in packets of about a millisecond, one of which is lost: ``python examples/packets.py``"""

import numpy as np

from n1codec.stream import PacketDecoder, PacketEncoder

CHANNELS, RATE, FRAMES = 256, 19_531, 20
codes = np.random.default_rng(0).normal(512, 6, (100 * FRAMES, CHANNELS)).astype(np.int64)
samples = np.trunc(codes * 65535 / 1023 - 32768).astype(np.int16)  # 10 bits, stretched to 16 as the N1 does

encoder = PacketEncoder(CHANNELS, RATE, "n1", frames_per_packet=FRAMES, key_seconds=0.05)
decoder = PacketDecoder(CHANNELS, RATE, "n1", frames_per_packet=FRAMES, key_seconds=0.05)
sent = intact = 0
for number, frames in enumerate(samples.reshape(-1, FRAMES, CHANNELS)):
    packet = encoder.push(frames)
    sent += len(packet)
    if number == 30:
        continue  # this packet is lost; each channel is valid again from its next restart on
    arrival = decoder.push(packet)
    assert np.array_equal(arrival.frames[:, arrival.valid], frames[:, arrival.valid])
    intact += int(arrival.valid.sum())
share = intact / (100 * CHANNELS)
print(
    f"{8 * sent / samples.size:.3f} bits per sample, {share:.1%} of the samples can be read although a packet was lost"
)
