"""Raw inputs as pods see them: where `cluster.data` says they come from, where they lie, what no pod can see."""
