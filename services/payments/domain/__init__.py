"""Rules of money: amounts, splits, rates and states; standard library only."""
