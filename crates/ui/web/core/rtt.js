// Round trips from network coordinates (Vivaldi), in ms. Pure.

/** The estimate between two coordinates; null when they do not belong together. */
export function estimate(a, b) {
  if (!a || !b || a.Vec.length !== b.Vec.length) return null;
  const square = a.Vec.reduce((sum, x, at) => sum + (x - b.Vec[at]) ** 2, 0);
  const raw = Math.sqrt(square) + a.Height + b.Height;
  const adjusted = raw + a.Adjustment + b.Adjustment;
  return (adjusted > 0 ? adjusted : raw) * 1000;
}

/** Estimates from one node to all others, nearest first, with minimum, median and maximum; null without two coordinates. */
export function roundTrips(name, rows) {
  const own = rows.find((row) => row.Node === name);
  if (!own) return null;
  const list = rows
    .filter((row) => row.Node !== name && (row.Segment || '') === (own.Segment || ''))
    .map((row) => ({ node: row.Node, ms: estimate(own.Coord, row.Coord) }))
    .filter((row) => row.ms !== null)
    .sort((a, b) => a.ms - b.ms);
  if (!list.length) return null;
  const middle = Math.floor(list.length / 2);
  const median = list.length % 2 ? list[middle].ms : (list[middle - 1].ms + list[middle].ms) / 2;
  return { list, min: list[0].ms, median, max: list.at(-1).ms };
}
