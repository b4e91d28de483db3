// A live answer for as long as a part is on the screen.
import { useEffect, useMemo } from '../vendor/core.js';
import { open } from './live.js';

/** [state, retry] of `path`; see `open` for the options. */
export function useLive(path, query, options) {
  const key = JSON.stringify([path, query]);
  const source = useMemo(() => open(path, query, options), [key]);
  useEffect(() => source.close, [source]);
  return [source.state.value, source.retry];
}

/** Sets the window's title: what, where, datacenter. */
export function useTitle(...parts) {
  const title = [...parts, 'proconsul'].join(' · ');
  useEffect(() => { document.title = title; }, [title]);
}
