/** Says that the answers come from the demo model, where they do. */
export function DemoBanner({ model }: { model: string }) {
  if (!model.startsWith("offline:")) return null;
  return (
    <p data-slot="demo-banner" className="mt-2 text-center text-small text-text-3">
      <span className="font-medium text-text-2">You are using the demo model.</span> It works
      offline and knows only the starter tasks. Add a model key to ask it anything.
    </p>
  );
}
