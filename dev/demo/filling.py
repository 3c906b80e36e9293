"""placeholder"""



async def fill_demo(endpoints, say):
    raise NotImplementedError
