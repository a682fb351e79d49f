"""Storms: raters at work while everything under them is killed, frozen, emptied and cut, and what became of it."""
