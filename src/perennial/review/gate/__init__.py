"""`perennial gate`: whether a model may take the champion's place."""
