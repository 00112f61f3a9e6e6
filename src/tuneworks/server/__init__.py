"""The HTTP door: routes that parse, call one flow and show its answer."""
