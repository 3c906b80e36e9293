"""The services of DAIRA and the chassis they are bolted to."""
