"""Who looks at the page: the sign-in, and what follows from who it is."""
