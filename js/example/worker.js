/** Fetches and decodes beside the page, so that the page does not wait. */
import { open } from "../index.js";
import { envelope } from "./envelope.js";

let recording;

const answers = {
  async open(source) {
    const opened = await open(source, { stream: 0 });
    recording?.close();
    recording = opened;
    const { shape, dtype, rate, channelNames, gains, version, name } = recording;
    return { shape, dtype, rate, channelNames, gains, version, name };
  },

  async second(start, stop, channels, columns) {
    const samples = await recording.read(start, stop, { channels });
    return envelope(samples, channels.length, columns);
  },
};

onmessage = async ({ data: { number, what, given } }) => {
  try {
    postMessage({ number, result: await answers[what](...given) });
  } catch (error) {
    postMessage({ number, error: error.message });
  }
};
