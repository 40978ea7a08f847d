"use client";

import { useEffect, useState } from "react";

/** The shape of a turn, shown only where loading takes long enough to be noticed. */
export function Skeleton() {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 200);
    return () => clearTimeout(timer);
  }, []);
  if (!late) return null;
  return (
    <div aria-label="Loading" role="img" className="pt-8">
      <div className="ml-auto h-10 w-2/5 rounded-card bg-sunken" />
      <div className="mt-8 h-4 w-11/12 rounded-control bg-sunken" />
      <div className="mt-3 h-4 w-4/5 rounded-control bg-sunken" />
      <div className="mt-3 h-4 w-3/5 rounded-control bg-sunken" />
    </div>
  );
}
