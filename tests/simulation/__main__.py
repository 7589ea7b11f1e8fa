from tests.simulation.run import run
import sys, time
for seed in range(int(sys.argv[1]), int(sys.argv[2])):
    t=time.time(); r=run(seed); print(seed, round(time.time()-t,3), r.ticks, r.requests, r.outcomes, r.violation)
    if len(sys.argv)>3:
        print("\n".join(r.journal))
