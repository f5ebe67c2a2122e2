"""Tables read strictly: every column of the contract, in the contract's type, or a message.

=========  ====================  =================================================================
Contract   Arrow                 Taken from
=========  ====================  =================================================================
category   string                texts, whole numbers, booleans
text       string                the same
number     float64               numbers; NaN means missing, infinity is refused
integer    int64                 whole numbers, also those written as ``12.0``
boolean    bool                  booleans, 0 and 1; in CSV also yes and no, in any case
datetime   timestamp, naive, us  dates and times, ISO 8601 texts; an offset is converted to UTC
=========  ====================  =================================================================
"""
