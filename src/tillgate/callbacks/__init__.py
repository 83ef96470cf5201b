"""What processors say by themselves: verified, kept raw, de-duplicated, applied."""
