"""The world that agents decide in: real transactions, simulated customers, stock that ages, money."""
