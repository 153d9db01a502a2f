-- Steps of a Markov chain of order 2, counted.
SELECT site, step_before, step_from, step_to, taken
FROM attribution_transitions_2(
    since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, lookback_s = {lookback_s:Int64}, transform = {transform:String}, conversion = {conversion:String})
WHERE ({site:String} = '' OR site = {site:String})
