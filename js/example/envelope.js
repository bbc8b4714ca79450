/**
 * The smallest and the largest sample of each channel in each of `columns` stretches of equal length; of fewer frames than
 * columns each stretch has one frame. `samples` are frame by frame.
 */
export function envelope(samples, channels, columns) {
  const frames = samples.length / channels;
  const low = Array.from({ length: channels }, () => new Float64Array(columns));
  const high = Array.from({ length: channels }, () => new Float64Array(columns));
  for (let column = 0; column < columns; column++) {
    const first = Math.floor((column * frames) / columns);
    const last = Math.max(first + 1, Math.floor(((column + 1) * frames) / columns));
    for (let channel = 0; channel < channels; channel++) {
      let [least, most] = [Infinity, -Infinity];
      for (let i = first * channels + channel; i < last * channels; i += channels) {
        const x = Number(samples[i]);
        if (x < least) least = x;
        if (x > most) most = x;
      }
      low[channel][column] = least;
      high[channel][column] = most;
    }
  }
  return { low, high };
}
