/** Durations as a person says them: 0.4 s, 12 s, 3 min 5 s, 2 h 1 min. */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.05) return "0 s";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Micro-dollars as money: enough digits to be true, no more. */
export function formatCost(microusd: number): string {
  const dollars = microusd / 1e6;
  const digits = dollars >= 1 ? 2 : dollars >= 0.01 ? 3 : 4;
  return `$${dollars.toFixed(digits)}`;
}

export function formatCount(count: number, noun: string): string {
  return `${count.toLocaleString()} ${noun}${count === 1 ? "" : "s"}`;
}

export function formatClock(at: number | string): string {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** The heading under which a thread stands in the list. */
export function dayGroup(at: string, now: Date): string {
  const day = new Date(at);
  const midnight = (date: Date) => new Date(date).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(now) - midnight(day)) / 86_400_000);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days < 7) return "This week";
  return "Earlier";
}

export function countWords(text: string): number {
  return text.split(/\s+/).filter(Boolean).length;
}
